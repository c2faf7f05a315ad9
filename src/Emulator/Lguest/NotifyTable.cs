// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>The addresses whose NOTIFY goes straight to a device. Read by the guest's thread without a lock, replaced by any other.</summary>
internal sealed class NotifyTable
{
    private readonly Lock _writers = new();
    private volatile Dictionary<uint, Action> _signals = [];

    /// <summary>Signals given so far.</summary>
    public long Signals { get; private set; }

    /// <summary>Registers an address; an earlier signal of the same address is replaced.</summary>
    public void Register(uint address, Action signal)
    {
        lock (_writers)
        {
            _signals = new Dictionary<uint, Action>(_signals) { [address] = signal };
        }
    }

    /// <summary>Signals whoever registered the address; false if nobody did.</summary>
    public bool TrySignal(uint address)
    {
        if (!_signals.TryGetValue(address, out Action? signal))
        {
            return false;
        }

        Signals++;
        signal();
        return true;
    }
}
