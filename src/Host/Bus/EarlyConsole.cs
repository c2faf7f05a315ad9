// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Bus;

/// <summary>
/// What a guest says before it has a console: a NOTIFY of the address of a NUL-terminated string. The bytes go out as they
/// are, at once. The last line is kept, since it is often the best clue to why a guest died.
/// </summary>
internal sealed class EarlyConsole(Stream output)
{
    private const int LongestLine = 200;
    private const int Chunk = 64 * 1024;
    private readonly StringBuilder _line = new();
    private string _lastLine = "";

    /// <summary>The last line that had any text in it.</summary>
    public string LastLine => Printable(_line.ToString()) is { Length: > 0 } line ? line : _lastLine;

    public void Print(GuestMemory memory, ulong address)
    {
        while (address < memory.Limit)
        {
            var bytes = memory.Slice(address, (int)Math.Min(Chunk, memory.Limit - address));
            var end = bytes.IndexOf((byte)0);
            // Copied once: the guest could change it between the two uses.
            var text = (end < 0 ? bytes : bytes[..end]).ToArray();
            Remember(text);
            output.Write(text);
            if (end >= 0)
                break;
            address += Chunk;
        }
        output.Flush();
    }

    private void Remember(byte[] text)
    {
        foreach (var c in Encoding.Latin1.GetString(text))
        {
            if (c == '\n')
            {
                if (Printable(_line.ToString()) is { Length: > 0 } line)
                    _lastLine = line;
                _line.Clear();
            }
            else if (_line.Length < LongestLine)
                _line.Append(c);
        }
    }

    private static string Printable(string text) => new([.. text.Where(c => c is >= ' ' and <= '~')]);
}
