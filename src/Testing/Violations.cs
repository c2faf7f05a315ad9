// SPDX-License-Identifier: MIT
namespace LguestPlug.Testing;

/// <summary>The rules a device has broken so far. Any thread adds, the test's thread throws.</summary>
internal sealed class Violations
{
    private readonly Lock _gate = new();
    private readonly List<(string What, Exception? Cause)> _found = [];

    /// <summary>Whether the test was told of any.</summary>
    internal bool WereThrown { get; private set; }

    internal void Add(string what, Exception? cause = null)
    {
        lock (_gate)
            _found.Add((what, cause));
    }

    /// <summary>Throws what was found and not thrown before.</summary>
    internal void Throw()
    {
        lock (_gate)
        {
            if (_found.Count == 0)
                return;

            string message = string.Join("; then ", _found.Select(v => v.What).Distinct().Take(5));
            Exception? cause = _found.Select(v => v.Cause).FirstOrDefault(c => c is not null);
            _found.Clear();
            WereThrown = true;
            throw new DeviceTestException(message, cause);
        }
    }
}
