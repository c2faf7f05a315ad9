// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Host.Plugins;

/// <summary>
/// The folder of the user's own plugins while it is being changed: a folder for each, put there, replaced and removed as a
/// whole, so that a launch at the same moment finds the old one or the new one. One process changes it at a time.
/// </summary>
internal sealed partial class UserPlugins : IDisposable
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint Exchange = 2; // RENAME_EXCHANGE
    private readonly FileStream _lock;

    private UserPlugins(string folder, FileStream @lock)
    {
        Folder = folder;
        _lock = @lock;
        Discard();
        Directory.CreateDirectory(Incoming);
    }

    /// <summary>The folder with a subfolder for each plugin.</summary>
    public string Folder { get; }

    /// <summary>A folder beside it, empty at first and gone at the end, to prepare plugins in.</summary>
    public string Incoming => Folder + ".incoming";

    /// <exception cref="HostException">Another process changes it, or it cannot be written to.</exception>
    public static UserPlugins Open(string folder)
    {
        FileStream? file = null;
        try
        {
            Directory.CreateDirectory(folder);
            file = new FileStream(folder + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new(folder, file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new HostException($"the plugins in {folder} cannot be changed: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    /// <summary>Moves a prepared folder to its place under the same name; what was there before is gone.</summary>
    public string Install(string prepared)
    {
        var place = Path.Combine(Folder, Path.GetFileName(prepared));
        if (!Directory.Exists(place))
            Directory.Move(prepared, place);
        else if (!TryExchange(prepared, place))
        {
            // A file system that cannot exchange: for a moment there is neither.
            var old = prepared + ".old";
            Directory.Move(place, old);
            try
            {
                Directory.Move(prepared, place);
            }
            catch (IOException)
            {
                Directory.Move(old, place);
                throw;
            }
        }
        return place;
    }

    /// <summary>Takes a plugin's folder away.</summary>
    /// <param name="name">The name of a subfolder.</param>
    public void Remove(string name) => Directory.Move(Path.Combine(Folder, name), Path.Combine(Incoming, name + ".old"));

    /// <inheritdoc/>
    public void Dispose()
    {
        Discard();
        _lock.Dispose();
    }

    private void Discard()
    {
        if (Directory.Exists(Incoming))
            Directory.Delete(Incoming, recursive: true);
    }

    private static bool TryExchange(string one, string other)
    {
        try
        {
            return renameat2(CurrentFolder, one, CurrentFolder, other, Exchange) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int renameat2(int oneFolder, string one, int otherFolder, string other, uint flags);
}
