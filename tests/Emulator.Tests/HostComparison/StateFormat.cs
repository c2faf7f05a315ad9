// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>What cases and outcomes have in common on the wire (see hostcpu.c).</summary>
internal static class StateFormat
{
    /// <summary>The order in which POPA loads the registers.</summary>
    public static ReadOnlySpan<int> RegisterOrder => [7, 6, 5, 4, 3, 2, 1, 0];

    public static void WritePatches(BinaryWriter writer, List<MemoryPatch> patches)
    {
        writer.Write(patches.Count);
        foreach (MemoryPatch patch in patches)
        {
            writer.Write(patch.Address);
            writer.Write(patch.Bytes.Length);
            writer.Write(patch.Bytes);
        }
    }

    public static void ReadPatches(BinaryReader reader, List<MemoryPatch> patches)
    {
        for (int count = reader.ReadInt32(); count > 0; count--)
        {
            uint address = reader.ReadUInt32();
            patches.Add(new MemoryPatch(address, reader.ReadBytes(reader.ReadInt32())));
        }
    }
}
