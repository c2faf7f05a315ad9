// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using LguestPlug.Plugins.Tests;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>All that has appeared on a terminal.</summary>
internal sealed class Screen(Pty pty)
{
    private readonly StringBuilder _text = new();
    private int _seen;

    /// <summary>Everything so far.</summary>
    public string Text => _text.ToString();

    /// <summary>Waits for a text after what was waited for before; a terminal that stays silent for long is a failure.</summary>
    public void WaitFor(string text)
    {
        int at;
        while ((at = Text.IndexOf(text, _seen, StringComparison.Ordinal)) < 0)
            _text.Append(pty.Screen(4096));
        _seen = at + text.Length;
    }
}
