// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Lockstep;

/// <summary>The state in which a trial ended.</summary>
internal sealed unsafe class TrialOutcome(PhysicalMemory memory) : IDisposable
{
    private static readonly string[] s_registers = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
    private static readonly string[] s_segments = ["es", "cs", "ss", "ds", "fs", "gs"];

    private CpuState _state;

    /// <summary>What the trial wrote.</summary>
    public TrialMemory Memory { get; } = new(memory);

    /// <summary>Whole instructions executed.</summary>
    public long Count { get; private set; }

    /// <summary>It ended with a trap.</summary>
    public bool IsTrap { get; private set; }

    /// <summary>The instruction pointer: of the trap if there is one.</summary>
    public uint Eip { get; private set; }

    private bool IsSoftware { get; set; }

    private uint Eflags
    {
        get
        {
            fixed (CpuState* state = &_state)
            {
                return Emulator.Eflags.Get(state);
            }
        }
    }

    /// <summary>Takes the state over.</summary>
    public void Take(CpuState* state, long count, bool isTrap, uint eip, bool isSoftware)
    {
        _state = *state;
        Count = count;
        IsTrap = isTrap;
        Eip = eip;
        IsSoftware = isSoftware;
    }

    /// <summary>True if nothing differs, undefined flags included.</summary>
    public bool IsSameAs(TrialOutcome other)
    {
        if (Count != other.Count || Eip != other.Eip || IsTrap != other.IsTrap || Memory.WasCut != other.Memory.WasCut || Eflags != other.Eflags
            || (IsTrap && Trap() != other.Trap()))
        {
            return false;
        }

        fixed (CpuState* mine = &_state, others = &other._state)
        {
            // The general registers; then everything from the segment registers on.
            int extended = (int)((byte*)&mine->Es - (byte*)mine);
            if (!new Span<uint>(mine->Registers, 8).SequenceEqual(new Span<uint>(others->Registers, 8))
                || !new Span<byte>((byte*)mine + extended, sizeof(CpuState) - extended).SequenceEqual(new Span<byte>((byte*)others + extended, sizeof(CpuState) - extended)))
            {
                return false;
            }
        }

        return HasPagesOf(Memory, other.Memory) && HasPagesOf(other.Memory, Memory);
    }

    /// <summary>The status flags that differ from another outcome's, if nothing else does; null if something else differs.</summary>
    public uint? FlagsDifferingFrom(TrialOutcome other)
    {
        uint flags = Eflags ^ other.Eflags;
        return (flags & ~Emulator.Eflags.Status) == 0 && !Differences(other, Emulator.Eflags.Status).Any() ? flags : null;
    }

    /// <summary>What differs, as "name this/other".</summary>
    /// <param name="other">The other outcome.</param>
    /// <param name="undefined">Flags that may differ.</param>
    public IEnumerable<string> Differences(TrialOutcome other, uint undefined)
    {
        if (Count != other.Count)
        {
            yield return $"instructions {Count}/{other.Count}";
        }

        if (Trap() != other.Trap())
        {
            yield return $"trap {Trap()}/{other.Trap()}";
        }

        if (Eip != other.Eip)
        {
            yield return $"eip {Eip:x8}/{other.Eip:x8}";
        }

        for (int i = 0; i < 8; i++)
        {
            if (Register(i) != other.Register(i))
            {
                yield return $"{s_registers[i]} {Register(i):x8}/{other.Register(i):x8}";
            }
        }

        if (((Eflags ^ other.Eflags) & ~undefined) != 0)
        {
            yield return $"eflags {Eflags:x8}/{other.Eflags:x8}";
        }

        for (int i = 0; i < s_segments.Length; i++)
        {
            if (!Segment(i).Equals(other.Segment(i)))
            {
                yield return $"{s_segments[i]} {Segment(i).Selector:x4}/{other.Segment(i).Selector:x4}";
            }
        }

        foreach (string difference in Extended().Zip(other.Extended(), (a, b) => a == b ? null : $"{a}/{b}").OfType<string>())
        {
            yield return difference;
        }

        foreach (string difference in Memories(other))
        {
            yield return difference;
        }
    }

    /// <summary>The general registers in one line.</summary>
    public override string ToString() =>
        string.Join(' ', Enumerable.Range(0, 8).Select(i => $"{s_registers[i]}={Register(i):x8}")) + $" eip={Eip:x8} eflags={Eflags:x8}";

    public void Dispose() => Memory.Dispose();

    private string Trap()
    {
        if (Memory.WasCut)
        {
            return "cut";
        }

        if (!IsTrap)
        {
            return "none";
        }

        bool hasAddress = _state.FaultVector == TrapVector.PageFault && !IsSoftware;
        return $"{_state.FaultVector}{(IsSoftware ? " by software" : "")} error {_state.FaultError:x}{(hasAddress ? $" address {_state.FaultAddress:x8}" : "")}";
    }

    private uint Register(int index) => _state.Registers[index];

    private Segment Segment(int index)
    {
        fixed (Segment* first = &_state.Es)
        {
            return first[index];
        }
    }

    /// <summary>The registers of x87 and SSE, each as a text with its name.</summary>
    private List<string> Extended()
    {
        ref Fpu.FpuState f = ref _state.Fpu;
        List<string> texts = [$"x87 control {f.Control:x4}", $"x87 status {f.Status:x4}", $"x87 tag {f.Tag:x2}", $"mxcsr {_state.Mxcsr:x8}"];
        for (int i = 0; i < 8; i++)
        {
            texts.Add($"r{i} {f.Registers[i].SignExponent:x4}:{f.Registers[i].Significand:x16}");
            texts.Add($"xmm{i} {_state.Xmm[(2 * i) + 1]:x16}{_state.Xmm[2 * i]:x16}");
        }

        return texts;
    }

    private IEnumerable<string> Memories(TrialOutcome other)
    {
        foreach (uint page in Memory.Pages.ToArray().Union(other.Memory.Pages.ToArray()))
        {
            for (uint offset = FirstDifference(page, other, 0); offset < 0x1000; offset = FirstDifference(page, other, offset + 1))
            {
                yield return $"[{page | offset:x8}] {ByteAt(page | offset):x2}/{other.ByteAt(page | offset):x2}";
            }
        }
    }

    private static bool HasPagesOf(TrialMemory one, TrialMemory other)
    {
        foreach (uint page in one.Pages)
        {
            if (!new Span<byte>(one.HostOf(page), 0x1000).SequenceEqual(new Span<byte>(other.HostOf(page), 0x1000)))
            {
                return false;
            }
        }

        return true;
    }

    private byte ByteAt(uint physical) => Memory.HostOf(physical & ~0xFFFu)[physical & 0xFFF];

    private uint FirstDifference(uint page, TrialOutcome other, uint from)
    {
        Span<byte> mine = new(Memory.HostOf(page), 0x1000);
        Span<byte> others = new(other.Memory.HostOf(page), 0x1000);
        return from + (uint)mine[(int)from..].CommonPrefixLength(others[(int)from..]);
    }
}
