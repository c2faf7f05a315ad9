// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Inspection;

/// <summary>A file that an option names to be written; what goes wrong with it is one line that begins with the option.</summary>
internal static class OutputFile
{
    private const string InUse = "it is in use, perhaps as an image of this guest";

    /// <summary>Opens or makes it. What was in it still is.</summary>
    /// <remarks>
    /// Nothing is cut off before it is known whose file this is: an image would not only be lost but is mapped, and a disk is written
    /// to, while this file is written.
    /// </remarks>
    public static FileStream Open(string option, string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Failure(option, path, e);
        }
        if (!OpenFiles.IsOpenElsewhere(file.SafeFileHandle))
            return file;
        file.Dispose();
        throw new HostException(Text(option, path, InUse));
    }

    public static HostException Failure(string option, string path, Exception e)
    {
        const int WouldBlock = 11;
        return new HostException(
            Text(option, path, e switch
            {
                _ when Directory.Exists(path) => "it is a directory",
                UnauthorizedAccessException => "permission denied",
                DirectoryNotFoundException => "no such folder",
                IOException { HResult: WouldBlock } => InUse,
                _ => e.Message.ReplaceLineEndings(" "),
            }),
            inner: e);
    }

    private static string Text(string option, string path, string reason) => $"{option}: cannot write '{path}': {reason}";
}
