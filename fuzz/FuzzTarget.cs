// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Fuzz.Targets;

namespace LguestPlug.Fuzz;

/// <summary>Something of ours that takes input from somebody else. One object is used for any number of inputs, on one thread.</summary>
internal abstract class FuzzTarget : IDisposable
{
    private static readonly Dictionary<string, (string Covers, Func<FuzzTarget> Create)> s_all = new()
    {
        ["images"] = ("the loaders of ELF kernels, bzImages and initial RAM disks", () => new ImagesTarget()),
        ["rings"] = ("the reader of rings and descriptor chains", () => new RingsTarget()),
        ["devices"] = ("the requests of disk, network card, console and random numbers", () => new DevicesTarget()),
        ["hypercalls"] = ("hypercalls, called and queued, with any arguments", () => new HypercallsTarget()),
        ["code"] = ("guest code and page tables on both executions of the embedded CPU", () => new CodeTarget()),
        ["options"] = ("command lines, device options, sizes and templates", () => new OptionsTarget()),
    };

    /// <summary>The targets' names.</summary>
    public static IReadOnlyCollection<string> Names => s_all.Keys;

    /// <summary>What a target is about, in a few words.</summary>
    public static string Covers(string name) => s_all[name].Covers;

    public static FuzzTarget Create(string name) => s_all[name].Create();

    /// <summary>What came of the last input, in a few words, where that can be told.</summary>
    public string Outcome { get; protected set; } = "";

    /// <summary>Takes one input. Any exception that comes out is a defect, and so is a crash or a call that takes seconds.</summary>
    public abstract void Run(ReadOnlySpan<byte> input);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>An input had an effect that none may have.</summary>
internal sealed class FuzzDefectException(string message) : Exception(message);
