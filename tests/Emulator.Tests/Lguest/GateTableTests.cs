// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>Which gates a guest may register, and who may call them with INT n.</summary>
public sealed unsafe class GateTableTests : IDisposable
{
    private readonly CpuState* _state = (CpuState*)NativeMemory.AllocZeroed((nuint)sizeof(CpuState));
    private readonly GuestDeath _death;
    private readonly GateTable _gates;

    public GateTableTests()
    {
        _death = new GuestDeath(_state);
        _gates = new GateTable(_death);
    }

    public void Dispose() => NativeMemory.Free(_state);

    [Theory]
    [InlineData(3u, 0xEE00u, 3u, true)]
    [InlineData(3u, 0xAE00u, 3u, false)]
    [InlineData(3u, 0xAE00u, 1u, true)]
    [InlineData(3u, 0x8E00u, 1u, false)]
    [InlineData(3u, 0x6E00u, 3u, false)] // not present
    [InlineData(7u, 0xEE00u, 1u, false)]
    [InlineData(13u, 0xEF00u, 1u, false)]
    [InlineData(14u, 0xEF00u, 1u, false)]
    [InlineData(2u, 0xEF00u, 1u, false)] // never registered
    [InlineData(8u, 0xEF00u, 1u, false)]
    [InlineData(0x80u, 0xEF00u, 3u, true)]
    [InlineData(0x20u, 0xEF00u, 1u, false)]
    [InlineData(0x81u, 0xEF00u, 1u, false)]
    public void Software_interrupts_obey_the_gate_where_it_counts(uint vector, uint high, uint cpl, bool allowed)
    {
        _gates.Load(vector, 0x601234, high | 0x100000);
        Assert.Equal(allowed, _gates.AllowsSoftware(vector, cpl));
        Assert.False(_death.IsDead);
    }

    [Fact]
    public void Hypercall_vector_is_ring_1s()
    {
        Assert.True(_gates.AllowsSoftware(Hypercall.Vector, 1));
        Assert.False(_gates.AllowsSoftware(Hypercall.Vector, 3));
    }

    [Fact]
    public void Gate_holds_the_offset_and_ignores_the_rest()
    {
        _gates.Load(6, 0xFFF81234, 0xABCD9EFF);
        Assert.Equal(new Gate(0xABCD1234, 0, true, true), _gates[6]);
    }

    [Theory]
    [InlineData(256u, 0x8500u, "Setting idt entry 256")]
    [InlineData(0xFFFFFFFFu, 0x8E00u, "Setting idt entry 4294967295")]
    [InlineData(6u, 0x8500u, "bad IDT type 5")]
    public void Bad_entries_kill(uint vector, uint high, string reason)
    {
        _gates.Load(vector, 0, high);
        Assert.Equal(reason, _death.Reason);
    }

    [Theory]
    [InlineData(2u, 0x8500u)]
    [InlineData(8u, 0x8500u)]
    [InlineData(15u, 0x8500u)]
    [InlineData(31u, 0x8500u)]
    [InlineData(6u, 0x0500u)] // not present: of any type
    public void Some_entries_are_never_looked_at(uint vector, uint high)
    {
        _gates.Load(vector, 0, high);
        Assert.False(_death.IsDead);
        Assert.False(_gates[vector].IsPresent);
    }
}
