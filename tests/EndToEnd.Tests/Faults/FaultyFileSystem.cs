// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Runtime.CompilerServices;
using LguestPlug.Tests;

namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>
/// A file system with one file whose reads, writes and flushes fail as the test says: a real one, by FUSE, that only the program
/// started behind it sees.
/// </summary>
internal sealed class FaultyFileSystem
{
    public const int IoError = 5; // EIO

    private readonly string _program;
    private readonly string _mountPoint;
    private readonly string _faults;

    /// <summary>Skips the test where there can be none.</summary>
    /// <param name="scratch">For its files.</param>
    /// <param name="backing">What the file's content is kept in.</param>
    public FaultyFileSystem(Scratch scratch, string backing)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to mount a file system");
        Assert.SkipUnless(File.Exists("/dev/fuse"), "needs /dev/fuse");
        _program = Path.Combine(scratch.Folder, "faultyfs");
        CCompiler.Build(Path.Combine(SourceFolder(), "faultyfs.c"), _program);
        _mountPoint = Directory.CreateDirectory(Path.Combine(scratch.Folder, "faulty")).FullName;
        _faults = Directory.CreateDirectory(Path.Combine(scratch.Folder, "faults")).FullName;
        Behind = [_program, _mountPoint, backing, _faults];
        Assert.SkipWhen(LguestProcess.WhyNot("needs FUSE mounts", _program, [.. Behind.Skip(1), "true"]) is not null, "needs FUSE mounts in a mount namespace");
    }

    /// <summary>The file, as the program started behind it calls it.</summary>
    public string Disk => Path.Combine(_mountPoint, "disk");

    /// <summary>What to start a program behind.</summary>
    public IReadOnlyList<string> Behind { get; }

    /// <summary>From now on an operation fails.</summary>
    /// <param name="operation">read, write or fsync; or short, for reads that find the end too early.</param>
    /// <param name="error">The error number; of short ones the bytes that are there.</param>
    public void Break(string operation, int error = IoError)
    {
        // In one step: the file system looks at any moment.
        var prepared = Path.Combine(_faults, operation + ".new");
        File.WriteAllText(prepared, error.ToString(CultureInfo.InvariantCulture));
        File.Move(prepared, Path.Combine(_faults, operation), overwrite: true);
    }

    /// <summary>From now on it works.</summary>
    public void Heal(string operation) => File.Delete(Path.Combine(_faults, operation));

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
