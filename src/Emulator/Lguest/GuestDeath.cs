// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>Whether and why the guest is dead. A dead guest never executes another instruction.</summary>
/// <param name="state">The processor that is stopped.</param>
internal sealed unsafe class GuestDeath(CpuState* state)
{
    /// <summary>The guest is dead, or asked to be started again.</summary>
    public bool IsDead { get; private set; }

    /// <summary>The guest asked to be started again.</summary>
    public bool IsRestart { get; private set; }

    /// <summary>The first reason given, in the words of real lguest.</summary>
    public string? Reason { get; private set; }

    /// <summary>Kills the guest. Only the first reason counts.</summary>
    public void Kill(string reason)
    {
        Reason ??= reason;
        Die();
    }

    /// <summary>Ends the guest with the wish to be started again, whatever was the matter before.</summary>
    public void Restart()
    {
        IsRestart = true;
        Die();
    }

    private void Die()
    {
        IsDead = true;
        state->InstructionLimit = 0;
    }
}
