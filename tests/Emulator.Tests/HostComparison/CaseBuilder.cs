// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>Puts one case together. Registers that a case does not choose hold values that would show if they changed.</summary>
internal sealed class CaseBuilder
{
    /// <summary>Where the stack pointer stands unless the case says otherwise.</summary>
    public const uint DefaultStack = HostWindow.DataMiddle - 0x400;

    private static readonly uint[] Background =
        [0x11223344, 0x8899AABB, 0x55667788, 0xCCDDEEFF, DefaultStack, 0x76543210, 0xFEDCBA98, 0x13579BDF];

    public CaseBuilder(SplitMix random)
    {
        Random = random;
        Case = new CpuCase { Registers = [.. Background] };
        // Half of the cases have every background bit the other way round, so that none is always the same.
        uint flip = (uint)-(int)(random.NextUInt32() & 1);
        foreach (ref uint register in Case.Registers.AsSpan())
        {
            register ^= flip;
        }

        Case.Registers[4] = DefaultStack;
        Case.Eflags |= RandomStatus(random);
    }

    public SplitMix Random { get; }

    public CpuCase Case { get; }

    /// <summary>The registers of a case that chooses none, in one of their two versions.</summary>
    public static ReadOnlySpan<uint> UsualRegisters => Background;

    /// <summary>Any mixture of the six status flags; often all or none of them.</summary>
    public static uint RandomStatus(SplitMix random) => random.Below(8) switch
    {
        0 => 0,
        1 => Eflags.Status,
        _ => random.NextUInt32() & Eflags.Status,
    };

    /// <summary>The number that instructions encode for a register, without its size.</summary>
    public static int Number(Register register) => register switch
    {
        >= Register.AL and <= Register.BH => (register - Register.AL) & 3,
        >= Register.AX and <= Register.DI => register - Register.AX,
        >= Register.EAX and <= Register.EDI => register - Register.EAX,
        _ => throw new ArgumentOutOfRangeException(nameof(register)),
    };

    /// <summary>Sets a register or, leaving the rest of it alone, its 8- or 16-bit part.</summary>
    public CaseBuilder Set(Register register, uint value)
    {
        ref uint whole = ref Case.Registers[Number(register)];
        whole = register switch
        {
            >= Register.AH and <= Register.BH => (whole & 0xFFFF00FF) | ((value & 0xFF) << 8),
            >= Register.AL and <= Register.BL => (whole & 0xFFFFFF00) | (value & 0xFF),
            >= Register.AX and <= Register.DI => (whole & 0xFFFF0000) | (value & 0xFFFF),
            _ => value,
        };
        return this;
    }

    public uint Get(Register register) => Case.Registers[Number(register)];

    public CaseBuilder Flags(uint flags)
    {
        Case.Eflags = 2 | flags;
        return this;
    }

    /// <summary>Fills memory; what falls outside the writable pages is left out, as on both CPUs.</summary>
    public CaseBuilder Poke(uint address, params ReadOnlySpan<byte> bytes)
    {
        Case.NeedsLowPages |= address is > HostWindow.Low - 64 and < HostWindow.LowEnd + 64;
        Case.Patches.Add(new MemoryPatch(address, bytes.ToArray()));
        return this;
    }

    public CaseBuilder PokeValue(uint address, ulong value, int size)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return Poke(address, bytes[..size]);
    }

    /// <summary>Ends the case with bytes at its EIP.</summary>
    public CpuCase Code(params ReadOnlySpan<byte> bytes)
    {
        Poke(Case.Eip, bytes);
        Case.UndefinedFlags = UndefinedFlags.After(Case, bytes);
        return Case;
    }

    /// <summary>Ends the case with one instruction, with bytes before it that Iced does not know how to place.</summary>
    public CpuCase Code(in Instruction instruction, params ReadOnlySpan<byte> prefixes)
    {
        byte[] encoded = Encode(instruction, Case.Eip + (uint)prefixes.Length);
        return Code([.. prefixes, .. encoded]);
    }

    public static byte[] Encode(in Instruction instruction, uint eip)
    {
        ByteWriter writer = new();
        Encoder.Create(32, writer).Encode(instruction, eip);
        return [.. writer.Bytes];
    }

    private sealed class ByteWriter : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
