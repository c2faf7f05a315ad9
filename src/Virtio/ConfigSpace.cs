// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Virtio;

/// <summary>The configuration bytes where the driver reads and writes them: in guest memory, for a start.</summary>
public delegate Span<byte> ConfigView();

/// <summary>
/// A device's configuration bytes as both sides write them, on a transport that does not tell when the driver does. So they are
/// compared now and then with what they were, and the device writes no byte that it did not change itself: the others may hold
/// what the driver wrote a moment ago.
/// </summary>
/// <remarks>Any thread may use it.</remarks>
internal sealed class ConfigSpace(VirtioDevice device)
{
    private const int FieldSize = 4;

    // Two locks: a device may say that it changed its bytes while another thread tells it of the driver's.
    private readonly Lock _lookGate = new();
    private readonly Lock _gate = new();
    private ConfigView? _view;
    private byte[] _offered = [];
    private byte[] _seen = [];
    private byte[] _now = [];

    /// <summary>Whether the device cares for what the driver writes.</summary>
    internal bool IsWatched { get; } =
        device.GetType().GetMethod(nameof(VirtioDevice.ConfigWritten))!.DeclaringType != typeof(VirtioDevice);

    /// <summary>Is told of what the driver writes, before the device is.</summary>
    internal IDeviceTrace? Trace { get; set; }

    /// <summary>Puts all bytes of the device in place.</summary>
    internal void Place(ConfigView view)
    {
        lock (_gate)
        {
            _view = view;
            Span<byte> bytes = view();
            _offered = Offered(bytes.Length);
            _offered.CopyTo(bytes);
            _seen = [.. _offered];
        }
    }

    /// <summary>Nothing uses the place any more.</summary>
    internal void Remove()
    {
        lock (_gate)
            _view = null;
    }

    /// <summary>Puts those bytes in place that the device has changed.</summary>
    internal void Update()
    {
        lock (_gate)
        {
            if (_view is null)
                return;

            Span<byte> bytes = _view();
            byte[] offered = Offered(bytes.Length);
            for (int start = 0; start < offered.Length; start += FieldSize)
            {
                // What lies in one field is written at once, so that the driver reads no half of it if that can be helped.
                int end = Math.Min(start + FieldSize, offered.Length);
                int first = start;
                int last = end - 1;
                while (first < end && offered[first] == _offered[first])
                    first++;

                if (first == end)
                    continue;

                while (offered[last] == _offered[last])
                    last--;

                ReadOnlySpan<byte> changed = offered.AsSpan(first, last - first + 1);
                changed.CopyTo(bytes[first..]);
                changed.CopyTo(_seen.AsSpan(first));
            }

            _offered = offered;
        }
    }

    /// <summary>Tells the device if the driver has written since the last look. One at a time, the device's part included.</summary>
    internal void Look()
    {
        lock (_lookGate)
        {
            lock (_gate)
            {
                if (_view is null)
                    return;

                Span<byte> bytes = _view();
                if (_now.Length != bytes.Length)
                    _now = new byte[bytes.Length];

                bytes.CopyTo(_now);
                if (_now.AsSpan().SequenceEqual(_seen))
                    return;

                if (Trace is { } trace)
                    Tell(trace);

                _now.CopyTo(_seen, 0);
            }

            device.ConfigWritten(_now);
        }
    }

    private void Tell(IDeviceTrace trace)
    {
        int end;
        for (int first = 0; first < _now.Length; first = end)
        {
            end = first + 1;
            if (_now[first] == _seen[first])
                continue;

            while (end < _now.Length && _now[end] != _seen[end])
                end++;

            trace.ConfigWritten(first, _now.AsSpan(first, end - first));
        }
    }

    private byte[] Offered(int length)
    {
        byte[] offered = new byte[length];
        ReadOnlySpan<byte> config = device.Config.Span;
        config[..Math.Min(config.Length, length)].CopyTo(offered);
        return offered;
    }
}
