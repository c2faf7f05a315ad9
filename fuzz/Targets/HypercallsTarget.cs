// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator;

namespace LguestPlug.Fuzz.Targets;

/// <summary>
/// The input is a list of what a guest does: hypercalls called or queued, words written to its shared data or tables, memory touched,
/// software interrupts. Arguments are any number, more often one at which something begins or ends.
/// </summary>
internal sealed class HypercallsTarget : FuzzTarget
{
    private const int MaximumSteps = 200;

    private static readonly uint[] s_places =
    [
        0, 1, 2, 3, 4, 8, 0x1F, 0x20, 0x80, 0xFF, 0x100, FuzzedGuest.Entry, FuzzedGuest.Handlers, FuzzedGuest.Data, FuzzedGuest.Data + 88, FuzzedGuest.Text,
        FuzzedGuest.Stack, FuzzedGuest.Tables, FuzzedGuest.Tables + 0x1000, FuzzedGuest.Tables + 0x5000, FuzzedGuest.Own, FuzzedGuest.Spare,
        (FuzzedGuest.Pages << 12) - 1392, (FuzzedGuest.Pages << 12) - 128, (FuzzedGuest.Pages << 12) - 24, (FuzzedGuest.Pages << 12) - 4, (FuzzedGuest.Pages << 12) - 1,
        FuzzedGuest.Pages << 12, 0x00400000, 0x7FFFFFFF, 0x80000000, 0xBFFFFFFF, 0xC0000000, 0xC0010000, 0xFFBFFFFF, 0xFFC00000, 0xFFFFF000, 0xFFFFFFFC, 0xFFFFFFFF,
        0x0061_0000, 0x0069_0000, 0x61, 0x69, 0x73, 0x7B, 0x00CF_BB00, 0x00CF_9A00, 0x8E00, 0xEF00, 0x8F00,
    ];

    private readonly FuzzedGuest _guest = new();

    public override void Run(ReadOnlySpan<byte> input)
    {
        var reader = new InputReader(input);
        int flags = reader.Byte();
        _guest.Clear();
        _guest.WriteTables(pae: (flags & 2) != 0);
        if ((flags & 4) == 0)
            _guest.Call(1, FuzzedGuest.Data);

        if ((flags & 8) != 0)
            _guest.Call(4, FuzzedGuest.Tables);

        for (int step = 0; step < MaximumSteps && !reader.IsAtEnd; step++)
            Step(ref reader);

        _guest.Call(2, FuzzedGuest.Text, 1);
        Outcome = _guest.Run(new LguestMachineOptions
        {
            Execution = (flags & 1) != 0 ? CpuExecution.Interpreter : CpuExecution.Auto,
            PageTables = (flags & 16) != 0 ? ((flags & 2) != 0 ? PageTableFormat.Pae : PageTableFormat.TwoLevel) : PageTableFormat.Auto,
            OfferTimeStampCounter = (flags & 32) != 0,
        });
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _guest.Dispose();

        base.Dispose(disposing);
    }

    private void Step(ref InputReader reader)
    {
        int step = reader.Byte();
        switch (step & 7)
        {
            case 0 or 1 or 2:
                _guest.Call(Number(ref reader), Value(ref reader), Value(ref reader), Value(ref reader), Value(ref reader));
                break;
            case 3:
                _guest.Queue((uint)step / 8, Number(ref reader), Value(ref reader), Value(ref reader), Value(ref reader), Value(ref reader));
                break;
            case 4:
                _guest.Store(FuzzedGuest.Data + (reader.UInt16() % 1396u), Value(ref reader));
                break;
            case 5:
                _guest.Store(FuzzedGuest.Tables + (reader.UInt16() % (FuzzedGuest.TablesEnd - FuzzedGuest.Tables)), Value(ref reader));
                break;
            case 6:
                // A load or a store anywhere.
                _guest.Emit((byte)((step & 8) != 0 ? 0xA1 : 0xA3)).Emit32(Value(ref reader));
                break;
            default:
                if ((step & 8) != 0)
                    _guest.Emit(0xCD, reader.Byte()); // int $n
                else
                    _guest.Gate(reader.Byte(), (uint)Value(ref reader) & 0xFFFF, 0x83, 0xC4, 0x04, 0xCF); // addl $4, %esp; iret
                break;
        }
    }

    private static uint Number(ref InputReader reader)
    {
        int number = reader.Byte();
        return number < 0xF8 ? (uint)number % 24 : reader.UInt32();
    }

    private static uint Value(ref InputReader reader)
    {
        int choice = reader.Byte();
        return choice switch
        {
            < 0x80 => s_places[choice % s_places.Length],
            < 0xC0 => s_places[choice % s_places.Length] + (uint)(sbyte)reader.Byte(),
            < 0xE0 => reader.UInt16(),
            _ => reader.UInt32(),
        };
    }
}
