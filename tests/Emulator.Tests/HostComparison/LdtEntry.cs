// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>The four kinds of segment that modify_ldt can make (the two high bits of the descriptor's type).</summary>
internal enum LdtContents
{
    Data,
    ExpandDown,
    Code,
}

/// <summary>A descriptor that both CPUs have in their local descriptor table: 32-bit and of privilege level 3.</summary>
/// <param name="Base">Linear address of offset 0.</param>
/// <param name="Limit">The limit field, in bytes or pages.</param>
/// <param name="Contents">Kind of segment.</param>
/// <param name="Restricted">Read-only data or execute-only code.</param>
/// <param name="Pages">The limit counts pages.</param>
/// <param name="Present">False makes loading it fail.</param>
internal readonly record struct LdtEntry(
    uint Base, uint Limit, LdtContents Contents = LdtContents.Data, bool Restricted = false, bool Pages = false, bool Present = true)
{
    /// <summary>The descriptor as the kernel builds it from struct user_desc: always with the accessed bit.</summary>
    public ulong Descriptor
    {
        get
        {
            uint type = 1 | (Restricted ? 0u : 2u) | ((uint)Contents << 2);
            uint high = (Base & 0xFF000000) | ((Base >> 16) & 0xFF) | (Limit & 0xF0000) | (type << 8)
                | 0x1000 | 0x6000 | (Present ? 0x8000u : 0) | 0x400000 | (Pages ? 0x800000u : 0);
            return ((ulong)high << 32) | (Base << 16) | (Limit & 0xFFFF);
        }
    }

    /// <summary>Writes the kernel's struct user_desc.</summary>
    public void WriteUserDesc(BinaryWriter writer, uint number)
    {
        writer.Write(number);
        writer.Write(Base);
        writer.Write(Limit);
        writer.Write(1 | ((uint)Contents << 1) | (Restricted ? 8u : 0) | (Pages ? 16u : 0) | (Present ? 0 : 32u));
    }
}
