// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Output;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Bus;

/// <summary>
/// What a guest says before it has a console: a NOTIFY of the address of a NUL-terminated string. The bytes go out as they
/// are, at once.
/// </summary>
/// <param name="output">Where they go.</param>
/// <param name="lines">Told of them.</param>
/// <param name="logger">Told when they cannot go there.</param>
internal sealed class EarlyConsole(Stream output, LastLines? lines = null, ILogger? logger = null)
{
    private const int Chunk = 64 * 1024;
    private bool _failed;

    public void Print(GuestMemory memory, ulong address)
    {
        while (address < memory.Limit)
        {
            var bytes = memory.Slice(address, (int)Math.Min(Chunk, memory.Limit - address));
            var end = bytes.IndexOf((byte)0);
            // Copied once: the guest could change it between the two uses.
            Write((end < 0 ? bytes : bytes[..end]).ToArray());
            if (end >= 0)
                break;
            address += Chunk;
        }
    }

    private void Write(byte[] text)
    {
        try
        {
            output.Write(text);
        }
        catch (OutputException e)
        {
            if (!_failed)
                logger?.LogWarning("early console output cannot be written ({Reason}); it is lost from here on", e.Reason);
            _failed = true;
        }
        lines?.Add(text, _failed ? null : (output as StandardOutput)?.Handle);
    }
}
