// Written by 'lguest plugins new-config capacity:le64,flags:le32 --name TheNameConfig --namespace Device._1': change the fields there, and write it again.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Device._1;

/// <summary>The configuration space as the driver reads it: 12 bytes, little-endian, without gaps.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct TheNameConfig
{
    /// <summary>Bytes 0 to 7.</summary>
    public ulong Capacity;

    /// <summary>Bytes 8 to 11.</summary>
    public uint Flags;

    /// <summary>The bytes, as <c>VirtioDevice.Config</c> wants them.</summary>
    public readonly byte[] ToBytes() => MemoryMarshal.AsBytes(new ReadOnlySpan<TheNameConfig>(in this)).ToArray();
}
