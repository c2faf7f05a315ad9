// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator;
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Fuzz.Targets;

/// <summary>
/// The input is a guest's code, after some changes to page tables that map all of its memory. It starts in ring 1 or 3, with handlers
/// that go on behind most faults. It must end in the guest's death or go on until it is stopped; what it does is its own affair.
/// </summary>
internal sealed class CodeTarget : FuzzTarget
{
    private const int MaximumCode = 4096;

    private readonly FuzzedGuest _guest = new();

    public override void Run(ReadOnlySpan<byte> input)
    {
        var reader = new InputReader(input);
        int flags = reader.Byte();
        bool isPae = (flags & 2) != 0, isPaged = (flags & 4) != 0, isUser = (flags & 8) != 0, goesOn = (flags & 16) != 0;
        _guest.Clear();
        _guest.WriteTables(isPae);
        _guest.Call(Hypercall.Initialize, FuzzedGuest.Data);
        if (goesOn)
        {
            // The ones without an error code, then those with: incl (%esp), one byte further.
            foreach (uint vector in (ReadOnlySpan<uint>)[0, 3, 4, 5, 6, 7, 16, 19, 0x80])
                _guest.Gate(vector, 0xEE00, 0xFF, 0x04, 0x24, 0xCF);

            foreach (uint vector in (ReadOnlySpan<uint>)[10, 11, 12, 13, 14, 17])
                _guest.Gate(vector, 0x8E00, 0x83, 0xC4, 0x04, 0xFF, 0x04, 0x24, 0xCF);

            for (uint vector = 32; vector < 36; vector++)
                _guest.Gate(vector, 0x8E00, 0xCF);
        }

        _guest.Call(Hypercall.SetStack, DescriptorTable.KernelData, FuzzedGuest.Stack - 0x1000, 1);
        if (isPaged)
            _guest.Call(Hypercall.NewPageTable, FuzzedGuest.Tables);

        for (int changes = (flags & 32) != 0 ? reader.Byte() % 16 : 0; changes > 0; changes--)
        {
            uint entry = reader.UInt16() * 4u % (FuzzedGuest.TablesEnd - FuzzedGuest.Tables);
            _guest.Write(FuzzedGuest.Tables + entry, reader.UInt32());
        }

        if (isUser)
        {
            // As after a system call: pushes ss, esp, flags, cs, eip; iret.
            const byte UserData = 0x7B, UserCode = 0x73;
            foreach (uint word in (ReadOnlySpan<uint>)[UserData, FuzzedGuest.Stack, 0x202, UserCode, FuzzedGuest.Own])
                _guest.Emit(0x68).Emit32(word);

            // The guest's own flat segments for ring 3.
            _guest.Call(Hypercall.LoadGdtEntry, UserCode >> 3, 0x0000FFFF, 0x00CFFB00).Call(Hypercall.LoadGdtEntry, UserData >> 3, 0x0000FFFF, 0x00CFF300);
            _guest.Emit(0xCF);
        }
        else
        {
            _guest.Emit(0xE9).Emit32(FuzzedGuest.Own - (_guest.Here + 4)); // jmp Own
        }

        reader.Bytes(MaximumCode).CopyTo(_guest.Memory[(int)FuzzedGuest.Own..]);
        Outcome = _guest.Run(new LguestMachineOptions
        {
            Execution = (flags & 1) != 0 ? CpuExecution.Interpreter : CpuExecution.Auto,
            PageTables = isPae ? PageTableFormat.Pae : PageTableFormat.TwoLevel,
        });
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _guest.Dispose();

        base.Dispose(disposing);
    }
}
