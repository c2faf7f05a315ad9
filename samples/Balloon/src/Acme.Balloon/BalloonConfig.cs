// Written by 'lguest plugins new-config num_pages:le32,actual:le32 --name BalloonConfig --namespace Acme.Balloon': change the fields there, and write it again.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Acme.Balloon;

/// <summary>The configuration space as the driver reads it: 8 bytes, little-endian, without gaps.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct BalloonConfig
{
    /// <summary>Bytes 0 to 3.</summary>
    public uint NumPages;

    /// <summary>Bytes 4 to 7.</summary>
    public uint Actual;

    /// <summary>The bytes, as <c>VirtioDevice.Config</c> wants them.</summary>
    public readonly byte[] ToBytes() => MemoryMarshal.AsBytes(new ReadOnlySpan<BalloonConfig>(in this)).ToArray();
}
