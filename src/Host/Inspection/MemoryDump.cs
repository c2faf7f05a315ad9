// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Virtio;

namespace LguestPlug.Host.Inspection;

/// <summary>Guest memory in a file: byte n of the file is guest-physical address n. Pages of zeros become holes where the file can have them.</summary>
internal static class MemoryDump
{
    private const int PageSize = GuestMemory.PageSize;

    public static void Write(string path, GuestMemory memory, ulong length)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            if (file.CanSeek)
            {
                WriteSparse(file, memory, length);
                return;
            }
            for (ulong address = 0; address < length; address += PageSize)
                file.Write(memory.Slice(address, PageSize));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new HostException($"--dump: cannot write '{path}': {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    private static void WriteSparse(FileStream file, GuestMemory memory, ulong length)
    {
        const int LongestWrite = 256 * PageSize;
        ulong address = 0;
        while (address < length)
        {
            if (IsZero(memory, address))
            {
                address += PageSize;
                continue;
            }
            var end = address + PageSize;
            while (end < length && end - address < LongestWrite && !IsZero(memory, end))
                end += PageSize;
            file.Position = (long)address;
            file.Write(memory.Slice(address, (int)(end - address)));
            address = end;
        }
        file.SetLength((long)length);
    }

    private static bool IsZero(GuestMemory memory, ulong page) => !memory.Slice(page, PageSize).ContainsAnyExcept((byte)0);
}
