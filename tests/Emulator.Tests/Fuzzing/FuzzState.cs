// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <summary>The registers with which a sequence starts or in which it ended.</summary>
internal struct FuzzState
{
    public GeneralRegisters Registers;
    public uint Eip;
    public uint Eflags;
    public ushort Fs { get; set; }

    /// <summary>EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.</summary>
    [InlineArray(8)]
    internal struct GeneralRegisters
    {
        private uint _first;
    }
}
