// SPDX-License-Identifier: GPL-2.0-or-later
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Loading;

/// <summary>
/// A kernel or initrd file. It stays open while the guest lives, so that a reboot reads it afresh even where its name
/// no longer leads to it.
/// </summary>
internal sealed class ImageFile : IDisposable
{
    private ImageFile(string what, string path, SafeFileHandle handle)
    {
        What = what;
        Path = path;
        Handle = handle;
    }

    /// <summary>"kernel image" or "initrd".</summary>
    public string What { get; }

    public string Path { get; }

    public SafeFileHandle Handle { get; }

    public ulong Length => (ulong)RandomAccess.GetLength(Handle);

    public static ImageFile Open(string what, string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new HostException($"cannot open {what} '{path}': it is a directory");
            var handle = File.OpenHandle(path);
            try
            {
                // The loaders need to read anywhere and to know the size.
                _ = RandomAccess.GetLength(handle);
                return new ImageFile(what, path, handle);
            }
            catch (NotSupportedException)
            {
                handle.Dispose();
                throw new HostException($"cannot open {what} '{path}': it is not a regular file");
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new HostException($"cannot open {what} '{path}': no such file", inner: e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new HostException($"cannot open {what} '{path}': permission denied", inner: e);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw new HostException($"cannot open {what} '{path}': {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    /// <summary>Reads what is there of the wanted bytes; fewer at the end of the file.</summary>
    public int Read(ulong offset, Span<byte> buffer)
    {
        try
        {
            var total = 0;
            while (total < buffer.Length)
            {
                var read = RandomAccess.Read(Handle, buffer[total..], (long)offset + total);
                if (read == 0)
                    break;
                total += read;
            }
            return total;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostException($"cannot read {What} '{Path}': {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    public void ReadExactly(ulong offset, Span<byte> buffer)
    {
        var read = Read(offset, buffer);
        if (read != buffer.Length)
            throw Bad($"is truncated: {buffer.Length} bytes wanted at offset {offset}, {read} are there");
    }

    /// <summary>An error about this file.</summary>
    public HostException Bad(string why) => new($"{What} '{Path}' {why}");

    public void Dispose() => Handle.Dispose();
}
