// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using LguestPlug.Tests;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// A file on a disk with a volatile cache and a power switch: a file system (FUSE) of one file that keeps each write apart until
/// a later fsync of the file has been answered. When the power is cut, of every sector written since it is left to chance which
/// version survives. What is seen is what the kernel was asked for, whatever the program under test is made of.
/// </summary>
internal sealed unsafe partial class PowerCutDisk : IDisposable
{
    private const int SectorSize = 512;
    private const ulong FileNode = 2;
    private const string FileName = "disk";
    private const int MostBytesWritten = 1 << 17;
    private const int Enoent = 2;
    private const int Eio = 5;
    private const int Enosys = 38;

    private readonly Lock _gate = new();
    private readonly byte[] _durable;
    private readonly byte[] _current;
    /// <summary>By sector, all versions since the last fsync.</summary>
    private readonly Dictionary<int, List<byte[]>> _volatile = [];
    private readonly SafeFileHandle _connection;
    private readonly Thread _server;
    private readonly Random _delays = new(1);
    private bool _powerIsCut;

    private PowerCutDisk(SafeFileHandle connection, string folder, int bytes)
    {
        _connection = connection;
        Path = System.IO.Path.Combine(folder, FileName);
        _durable = new byte[bytes];
        _current = new byte[bytes];
        _server = new Thread(Serve) { IsBackground = true };
        _server.Start();
    }

    /// <summary>The file's path, for processes started by the thread the test runs on.</summary>
    public string Path { get; }

    /// <summary>Whether an fsync fails, with EIO, and makes nothing durable.</summary>
    public bool FailsFlushes { get; set; }

    public long Writes { get; private set; }

    public long Flushes { get; private set; }

    public long SectorsLost { get; private set; }

    /// <summary>
    /// Runs a test on a thread with a view of the file system of its own, and such a disk in it. Nothing is left of it, however the
    /// test ends.
    /// </summary>
    public static void Run(string folder, int bytes, Action<PowerCutDisk> test)
    {
        const int NewMounts = 0x0002_0000; // CLONE_NEWNS
        const uint Recursive = 1 << 14, Private = 1 << 18, NoSetUserId = 2, NoDevices = 4;
        const int ReadWriteCloseOnExec = 0x80002;

        OwnThread.Run(() =>
        {
            Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to mount a file system");
            Assert.SkipUnless(File.Exists("/dev/fuse"), "needs /dev/fuse");
            var connection = new SafeFileHandle(open("/dev/fuse", ReadWriteCloseOnExec), ownsHandle: true);
            Assert.SkipWhen(connection.IsInvalid, "needs to open /dev/fuse");
            Assert.SkipUnless(unshare(NewMounts) == 0 && mount("none", "/", null, Recursive | Private, null) == 0, "needs mount namespaces");
            var options = $"fd={connection.DangerousGetHandle()},rootmode=40000,user_id=0,group_id=0";
            Assert.SkipUnless(mount("power-cut", folder, "fuse", NoSetUserId | NoDevices, options) == 0, "needs to mount a FUSE file system");
            using var disk = new PowerCutDisk(connection, folder, bytes);
            test(disk);
        });
    }

    /// <summary>From here on nothing is made durable, and every request fails.</summary>
    public void CutPower()
    {
        lock (_gate)
            _powerIsCut = true;
    }

    /// <summary>What is found when the power is back; the disk goes on with it.</summary>
    public byte[] RestorePower(Random chance)
    {
        lock (_gate)
        {
            foreach (var (sector, versions) in _volatile)
            {
                // -1: none of them.
                var survivor = chance.Next(-1, versions.Count);
                if (survivor >= 0)
                    versions[survivor].CopyTo(_durable, sector * SectorSize);
                if (survivor != versions.Count - 1)
                    SectorsLost++;
            }
            _volatile.Clear();
            _durable.CopyTo(_current, 0);
            _powerIsCut = false;
            return [.. _durable];
        }
    }

    public void Dispose()
    {
        // Nobody has it open any more: the mount goes with the reader's end, and the reader with the mount.
        _ = umount2(System.IO.Path.GetDirectoryName(Path)!, 2);
        _server.Join();
        _connection.Dispose();
    }

    private void Serve()
    {
        var buffer = new byte[MostBytesWritten + 4096];
        while (true)
        {
            nint count;
            fixed (byte* start = buffer)
                count = read(_connection, start, (nuint)buffer.Length);
            const int Eintr = 4, Eagain = 11;
            if (count < 0 && Marshal.GetLastPInvokeError() is Enoent or Eintr or Eagain)
                continue;
            // Unmounted.
            if (count <= 0)
                return;
            var request = buffer.AsSpan(0, (int)count);
            var header = MemoryMarshal.Read<RequestHeader>(request);
            if (Answer(header, request[Marshal.SizeOf<RequestHeader>()..], out var error) is { } answer)
                Send(header.Unique, error, answer);
        }
    }

    /// <returns>Null if none is expected.</returns>
    private byte[]? Answer(in RequestHeader header, ReadOnlySpan<byte> body, out int error)
    {
        lock (_gate)
        {
            error = 0;
            switch (header.Operation)
            {
                case Operation.Forget or Operation.ForgetMany or Operation.Interrupt:
                    return null;
                case Operation.Initialise:
                    return Bytes(new InitialiseAnswer { Major = 7, Minor = 31, Flags = InitialiseAnswer.BigWrites, MostBytesWritten = MostBytesWritten, TimeGranularity = 1 });
                case Operation.LookUp when header.Node == 1 && Encoding.UTF8.GetString(body).TrimEnd('\0') == FileName:
                    return [.. Bytes(new EntryAnswer { Node = FileNode }), .. Bytes(AttributesOf(FileNode))];
                case Operation.LookUp:
                    error = Enoent;
                    return [];
                case Operation.GetAttributes or Operation.SetAttributes:
                    return [.. new byte[16], .. Bytes(AttributesOf(header.Node))];
                case Operation.Open or Operation.OpenFolder:
                    return Bytes(new OpenAnswer { Flags = OpenAnswer.Direct });
                case Operation.Flush or Operation.Release or Operation.ReleaseFolder or Operation.End or Operation.Access:
                    return [];
                case Operation.Read or Operation.Write or Operation.Synchronise when _powerIsCut:
                    error = Eio;
                    return [];
                case Operation.Read:
                    return Read(MemoryMarshal.Read<TransferRequest>(body));
                case Operation.Write:
                    return Write(MemoryMarshal.Read<TransferRequest>(body), body[Marshal.SizeOf<TransferRequest>()..]);
                case Operation.Synchronise:
                    break;
                default:
                    error = Enosys;
                    return [];
            }
        }
        return Synchronise(out error);
    }

    private byte[] Read(in TransferRequest request)
    {
        var offset = (int)Math.Min(request.Offset, (ulong)_current.Length);
        return _current[offset..Math.Min(offset + (int)request.Size, _current.Length)];
    }

    private byte[] Write(in TransferRequest request, ReadOnlySpan<byte> data)
    {
        Writes++;
        var (offset, size) = ((int)request.Offset, (int)request.Size);
        Assert.True(offset % SectorSize == 0 && size % SectorSize == 0 && offset + size <= _current.Length, $"{size} bytes at {offset} are written");
        data[..size].CopyTo(_current.AsSpan(offset));
        for (var at = offset; at < offset + size; at += SectorSize)
        {
            if (!_volatile.TryGetValue(at / SectorSize, out var versions))
                _volatile.Add(at / SectorSize, versions = []);
            versions.Add(_current[at..(at + SectorSize)]);
        }
        var answer = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(answer, size);
        return answer;
    }

    /// <summary>Takes a while, as it does on a disk, in which the power may be cut; what was written before it came is what it covers.</summary>
    private byte[] Synchronise(out int error)
    {
        Thread.Sleep(_delays.Next(5));
        lock (_gate)
        {
            error = _powerIsCut || FailsFlushes ? Eio : 0;
            if (error != 0)
                return [];
            Flushes++;
            // Requests are served one by one, so nothing was written meanwhile.
            foreach (var (sector, versions) in _volatile)
                versions[^1].CopyTo(_durable, sector * SectorSize);
            _volatile.Clear();
            return [];
        }
    }

    private Attributes AttributesOf(ulong node)
    {
        const uint RegularFile = 0x8000 | 0x180, Folder = 0x4000 | 0x1c0;
        return new()
        {
            Node = node,
            Size = node == FileNode ? (ulong)_current.Length : 0,
            Mode = node == FileNode ? RegularFile : Folder,
            Links = 1,
            BlockSize = SectorSize,
        };
    }

    private void Send(ulong unique, int error, byte[] answer)
    {
        var header = new AnswerHeader { Length = Marshal.SizeOf<AnswerHeader>() + answer.Length, Error = -error, Unique = unique };
        byte[] all = [.. Bytes(header), .. answer];
        fixed (byte* start = all)
            _ = write(_connection, start, (nuint)all.Length);
    }

    private static byte[] Bytes<T>(T value) where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();

    /// <summary>What the kernel asks for; numbers and layouts are those of linux/fuse.h, version 7.31.</summary>
    private enum Operation : uint
    {
        LookUp = 1,
        Forget = 2,
        GetAttributes = 3,
        SetAttributes = 4,
        Open = 14,
        Read = 15,
        Write = 16,
        Release = 18,
        Synchronise = 20,
        Flush = 25,
        Initialise = 26,
        OpenFolder = 27,
        ReleaseFolder = 29,
        Access = 34,
        Interrupt = 36,
        End = 38,
        ForgetMany = 42,
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct RequestHeader
    {
        public uint Length;
        public Operation Operation;
        public ulong Unique;
        public ulong Node;
        public uint User;
        public uint Group;
        public uint Process;
        public uint Padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct AnswerHeader
    {
        public int Length;
        public int Error;
        public ulong Unique;
    }

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct InitialiseAnswer
    {
        public const uint BigWrites = 1 << 5;

        public uint Major;
        public uint Minor;
        public uint MostReadAhead;
        public uint Flags;
        public ushort MostInBackground;
        public ushort Congestion;
        public uint MostBytesWritten;
        public uint TimeGranularity;
    }

    /// <summary>Without the attributes, which follow it.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private struct EntryAnswer
    {
        public ulong Node;
        public ulong Generation;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public ulong Node;
        public ulong Size;
        public ulong Blocks;
        public ulong Accessed;
        public ulong Modified;
        public ulong Changed;
        public uint AccessedNanoseconds;
        public uint ModifiedNanoseconds;
        public uint ChangedNanoseconds;
        public uint Mode;
        public uint Links;
        public uint User;
        public uint Group;
        public uint Device;
        public uint BlockSize;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenAnswer
    {
        /// <summary>Past the page cache: each write comes here before it is answered.</summary>
        public const uint Direct = 1;

        public ulong Handle;
        public uint Flags;
        public uint Padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TransferRequest
    {
        public ulong Handle;
        public ulong Offset;
        public uint Size;
        public uint TransferFlags;
        public ulong LockOwner;
        public uint Flags;
        public uint Padding;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc")]
    private static partial int unshare(int flags);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string? kind, nuint flags, string? options);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);
}
