// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <summary>A sequence of instructions with the registers it starts from. INT3 is behind it.</summary>
internal sealed class FuzzSequence
{
    public const int MaxBytes = 320;

    private readonly byte[] _bytes = new byte[MaxBytes];
    private readonly ushort[] _undefined = new ushort[MaxBytes + 1];

    /// <summary>In <see cref="_undefined"/>: an instruction starts there.</summary>
    private const ushort Boundary = 0x8000;

    public FuzzState Start;

    /// <summary>Address of the first byte.</summary>
    public uint Address { get; private set; }

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Code => _bytes.AsSpan(0, Length);

    /// <summary>Address of the next byte.</summary>
    public uint Here => Address + (uint)Length;

    /// <summary>Bytes that still fit.</summary>
    public int Room => MaxBytes - Length;

    public void Begin(uint address)
    {
        Address = address;
        Length = 0;
        Array.Clear(_undefined);
    }

    /// <summary>An instruction starts here.</summary>
    public void Mark(uint undefinedFlags) => _undefined[Length] = (ushort)(undefinedFlags | Boundary);

    /// <summary>The undefined status flags before the instruction at an address; false if none starts there.</summary>
    public bool TryGetUndefined(uint eip, out uint flags)
    {
        uint offset = eip - Address;
        flags = offset <= Length ? _undefined[offset] : 0u;
        bool known = (flags & Boundary) != 0;
        flags &= Eflags.Status;
        return known;
    }

    public void Byte(int value) => _bytes[Length++] = (byte)value;

    public void Bytes(params ReadOnlySpan<byte> values)
    {
        values.CopyTo(_bytes.AsSpan(Length));
        Length += values.Length;
    }

    public void Dword(uint value)
    {
        BitConverter.TryWriteBytes(_bytes.AsSpan(Length), value);
        Length += 4;
    }

    /// <summary>Lets the short jump whose displacement is at <paramref name="site"/> lead here.</summary>
    public void BindShort(int site) => _bytes[site] = (byte)(Length - site - 1);

    /// <summary>The same for a near jump.</summary>
    public void BindNear(int site) => BitConverter.TryWriteBytes(_bytes.AsSpan(site), Length - site - 4);
}
