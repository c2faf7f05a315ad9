// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Decoding;

/// <summary>Feeds Iced from memory and tells when a page is used up.</summary>
internal sealed unsafe class CodeBytes : CodeReader
{
    /// <summary>A Pentium-class CPU runs the later prefixed forms (TZCNT, LZCNT, ENDBR) as what they extend.</summary>
    public const DecoderOptions Options = DecoderOptions.NoMPFX_0FBC | DecoderOptions.NoMPFX_0FBD | DecoderOptions.ForceReservedNop;

    private byte* _end;

    /// <summary>The next byte.</summary>
    public byte* Position { get; private set; }

    /// <summary>Starts anew.</summary>
    public void SetRange(byte* start, uint length)
    {
        Position = start;
        _end = start + length;
    }

    /// <inheritdoc/>
    public override int ReadByte() => Position < _end ? *Position++ : -1;
}
