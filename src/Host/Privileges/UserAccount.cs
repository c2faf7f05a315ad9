// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers;
using System.Runtime.InteropServices;

namespace LguestPlug.Host.Privileges;

/// <summary>A user of this machine, as the C library knows it: from files or from the network.</summary>
/// <param name="Groups">All groups of the user, the first one included.</param>
internal sealed unsafe partial record UserAccount(string Name, uint UserId, uint GroupId, IReadOnlyList<uint> Groups)
{
    private const int Erange = 34;
    private const int LongestEntry = 1 << 20;
    private const int MostGroups = 65536;

    /// <exception cref="HostException">There is no such user, or nobody can say.</exception>
    public static UserAccount Find(string name)
    {
        for (var size = 1024; size <= LongestEntry; size *= 2)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(size);
            try
            {
                fixed (byte* text = buffer)
                {
                    var error = getpwnam_r(name, out var entry, text, (nuint)buffer.Length, out var found);
                    if (error == Erange)
                        continue;
                    if (found != 0)
                        return new(name, entry.UserId, entry.GroupId, GroupsOf(name, entry.GroupId));
                    // The C library answers 0 or one of several errors for a name it does not know.
                    throw new HostException($"--username: there is no user '{name}' on this machine");
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        throw new HostException($"--username: the entry of user '{name}' is too long");
    }

    private static uint[] GroupsOf(string name, uint first)
    {
        for (var count = 64; count <= MostGroups; count *= 2)
        {
            var groups = new uint[count];
            var given = count;
            fixed (uint* start = groups)
            {
                if (getgrouplist(name, first, start, ref given) >= 0)
                    return groups[..given];
            }
        }
        throw new HostException($"--username: user '{name}' is in more than {MostGroups} groups");
    }

    /// <summary>The beginning of C's <c>struct passwd</c>, the same with every Linux C library, and room for the rest.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PasswordEntry
    {
        public nint Name;
        public nint Password;
        public uint UserId;
        public uint GroupId;
        public nint Description;
        public nint Home;
        public nint Shell;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getpwnam_r(string name, out PasswordEntry entry, byte* buffer, nuint length, out nint found);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getgrouplist(string name, uint group, uint* groups, ref int count);
}
