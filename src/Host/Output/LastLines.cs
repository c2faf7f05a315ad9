// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Tmds.Linux;

namespace LguestPlug.Host.Output;

/// <summary>
/// The end of what a guest has printed, by whichever way, as far as it is not to be seen where errors go anyway: often the best
/// clue to why the guest died. Any thread may use it.
/// </summary>
internal sealed class LastLines
{
    private const int BytesKept = 16 * 1024;
    private const int LinesShown = 10;
    private const int LongestLine = 200;
    private readonly Lock _gate = new();
    private readonly byte[] _bytes = new byte[BytesKept];
    private readonly FilePlace? _errors;
    private long _count;

    // A device writes to the same place all its life.
    private SafeHandle? _lastHandle;
    private bool _lastIsErrors;

    /// <param name="errors">Where the lines will be shown; null if nowhere.</param>
    public LastLines(SafeHandle? errors) => _errors = errors is null ? null : FilePlace.Of(errors);

    /// <summary>Notes what the guest has printed.</summary>
    /// <param name="text">The bytes.</param>
    /// <param name="writtenTo">What they were written to; null if nowhere.</param>
    public void Add(ReadOnlySpan<byte> text, SafeHandle? writtenTo)
    {
        lock (_gate)
        {
            if (writtenTo is not null && IsErrors(writtenTo))
                return;
            var end = text[^Math.Min(text.Length, BytesKept)..];
            _count += text.Length - end.Length;
            while (end.Length > 0)
            {
                var room = _bytes.AsSpan((int)(_count % BytesKept));
                var part = end[..Math.Min(end.Length, room.Length)];
                part.CopyTo(room);
                _count += part.Length;
                end = end[part.Length..];
            }
        }
    }

    /// <summary>Forgets it all, for another boot.</summary>
    public void Clear()
    {
        lock (_gate)
            _count = 0;
    }

    /// <summary>The last lines with anything in them, oldest first, with nothing in them that a terminal would obey.</summary>
    public IReadOnlyList<string> Read()
    {
        byte[] bytes;
        lock (_gate)
        {
            var at = (int)(_count % BytesKept);
            bytes = _count <= BytesKept ? _bytes[..(int)_count] : [.. _bytes[at..], .. _bytes[..at]];
            // What is left of a line whose beginning is gone would mislead.
            if (_count > BytesKept && bytes.IndexOf((byte)'\n') is var end and >= 0)
                bytes = bytes[(end + 1)..];
        }
        return [.. LinesOf(bytes).TakeLast(LinesShown)];
    }

    private bool IsErrors(SafeHandle handle)
    {
        if (!ReferenceEquals(handle, _lastHandle))
        {
            _lastHandle = handle;
            _lastIsErrors = _errors is not null && FilePlace.Of(handle) == _errors;
        }
        return _lastIsErrors;
    }

    /// <summary>The text as it would stand on a terminal: without escape sequences, and only the last of what a line was overwritten with.</summary>
    private static List<string> LinesOf(ReadOnlySpan<byte> bytes)
    {
        var lines = new List<string>();
        var line = new StringBuilder();
        var state = Escape.None;
        var returned = false;
        while (bytes.Length > 0)
        {
            _ = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
            bytes = bytes[length..];
            if (state != Escape.None && rune.Value != '\n')
            {
                state = Next(state, rune.Value);
                continue;
            }
            state = Escape.None;
            if (returned && rune.Value != '\n')
                line.Clear();
            returned = rune.Value == '\r';
            switch (rune.Value)
            {
                case 0x1b:
                    state = Escape.Begun;
                    break;
                case '\n':
                    Finish(lines, line);
                    break;
                case '\b' when line.Length > 0:
                    line.Length -= line.Length > 1 && char.IsLowSurrogate(line[^1]) ? 2 : 1;
                    break;
                case '\t':
                    line.Append(' ');
                    break;
                default:
                    if (line.Length < LongestLine && IsHarmless(rune))
                        line.Append(rune == Rune.ReplacementChar ? "?" : rune.ToString());
                    break;
            }
        }
        Finish(lines, line);
        return lines;
    }

    private static void Finish(List<string> lines, StringBuilder line)
    {
        if (line.ToString().TrimEnd() is { Length: > 0 } text)
            lines.Add(text);
        line.Clear();
    }

    // Formats too: they turn the direction of what follows.
    private static bool IsHarmless(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>ECMA-48: ESC, then a sequence that ends with a letter, or a string that ends with BEL or ESC \.</summary>
    private static Escape Next(Escape state, int c) => state switch
    {
        Escape.Begun when c == '[' => Escape.Sequence,
        Escape.Begun when c is ']' or 'P' or '_' or '^' or 'X' => Escape.String,
        Escape.Begun when c is >= 0x20 and <= 0x2f => Escape.Begun,
        Escape.Sequence when c is >= 0x20 and <= 0x3f => Escape.Sequence,
        Escape.String when c == 0x1b => Escape.StringEnds,
        Escape.String when c != 0x07 => Escape.String,
        _ => Escape.None,
    };

    private enum Escape
    {
        None,
        Begun,
        Sequence,
        String,
        StringEnds,
    }

    /// <summary>What tells whether two descriptors lead to the same place: the file, or the terminal, which has several names.</summary>
    private sealed unsafe record FilePlace(ulong Device, ulong File, ulong Terminal)
    {
        private const int GetTerminal = unchecked((int)0x80045432); // TIOCGDEV

        public static FilePlace? Of(SafeHandle handle)
        {
            var referenced = false;
            try
            {
                handle.DangerousAddRef(ref referenced);
                var descriptor = (int)handle.DangerousGetHandle();
                uint terminal;
                if (LibC.ioctl(descriptor, GetTerminal, &terminal) == 0)
                    return new(0, 0, terminal);
                stat status;
                return LibC.fstat(descriptor, &status) == 0 ? new((ulong)status.st_dev, (ulong)status.st_ino, 0) : null;
            }
            finally
            {
                if (referenced)
                    handle.DangerousRelease();
            }
        }
    }
}
