// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Virtio;

namespace LguestPlug.Host.Inspection;

/// <summary>Guest memory in a file: byte n of the file is guest-physical address n. Pages of zeros become holes where the file can have them.</summary>
internal static class MemoryDump
{
    private const int PageSize = GuestMemory.PageSize;
    private const string Option = "--dump";

    public static void Write(string path, GuestMemory memory, ulong length)
    {
        try
        {
            using var file = OutputFile.Open(Option, path);
            if (TryMakeHole(file, length))
            {
                FillHole(file, memory, length);
                return;
            }
            for (ulong address = 0; address < length; address += PageSize)
                file.Write(memory.Slice(address, PageSize));
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw OutputFile.Failure(Option, path, e);
        }
    }

    /// <summary>Makes the file all zeros of the right length. A pipe or a device cannot be that.</summary>
    private static bool TryMakeHole(FileStream file, ulong length)
    {
        try
        {
            if (!file.CanSeek)
                return false;
            file.SetLength(0);
            file.SetLength((long)length);
            return true;
        }
        catch (IOException)
        {
            // Where there is no room either, writing will say so.
            return false;
        }
    }

    private static void FillHole(FileStream file, GuestMemory memory, ulong length)
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
    }

    private static bool IsZero(GuestMemory memory, ulong page) => !memory.Slice(page, PageSize).ContainsAnyExcept((byte)0);
}
