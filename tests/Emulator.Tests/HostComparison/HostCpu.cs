// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>The host's own processor, reached through hostcpu.c compiled on the spot.</summary>
internal sealed class HostCpu : IDisposable
{
    private readonly string _directory;
    private readonly Process _process;
    private readonly BinaryWriter _writer;
    private readonly BinaryReader _reader;

    private HostCpu(string directory, Process process)
    {
        _directory = directory;
        _process = process;
        _writer = new BinaryWriter(process.StandardInput.BaseStream);
        _reader = new BinaryReader(new BufferedStream(process.StandardOutput.BaseStream, 1 << 16));
    }

    /// <summary>False where an ordinary user may not map the first 64 KiB.</summary>
    public bool HasLowPages { get; private set; }

    /// <summary>Compiles and starts the program; null and a reason where that cannot be.</summary>
    public static HostCpu? TryStart(out string reason)
    {
        if (!OperatingSystem.IsLinux())
        {
            reason = "the host's CPU is only reached on Linux";
            return null;
        }

        string directory = Directory.CreateTempSubdirectory("hostcpu-").FullName;
        HostCpu? host = null;
        try
        {
            reason = Compile(directory);
            if (reason.Length != 0)
            {
                return null;
            }

            host = Start(directory, out reason);
            return host;
        }
        finally
        {
            if (host is null)
            {
                Directory.Delete(directory, true);
            }
        }
    }

    /// <summary>Runs a batch. The program reads all of it before it answers, so the pipes cannot block each other.</summary>
    public List<CpuOutcome> Run(IReadOnlyList<CpuCase> cases)
    {
        using MemoryStream batch = new();
        using BinaryWriter batchWriter = new(batch);
        foreach (CpuCase test in cases)
        {
            test.Write(batchWriter);
        }

        _writer.Write((uint)batch.Length);
        _writer.Write(cases.Count);
        _writer.Write(batch.GetBuffer(), 0, (int)batch.Length);
        _writer.Flush();
        List<CpuOutcome> outcomes = new(cases.Count);
        for (int i = 0; i < cases.Count; i++)
        {
            outcomes.Add(CpuOutcome.Read(_reader, cases[i].Vectors is not null));
        }

        return outcomes;
    }

    public void Dispose()
    {
        _writer.Dispose();
        _process.WaitForExit();
        _reader.Dispose();
        _process.Dispose();
        Directory.Delete(_directory, true);
    }

    private static string Compile(string directory)
    {
        string source = Path.Combine(AppContext.BaseDirectory, "HostComparison", "hostcpu.c");
        ProcessStartInfo start = new("gcc") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in (string[])["-m32", "-O1", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie",
            "-fno-stack-protector", "-o", Path.Combine(directory, "hostcpu"), source])
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using Process compiler = Process.Start(start)!;
            string messages = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            return compiler.ExitCode == 0 ? "" : $"gcc -m32 failed: {messages}";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"there is no gcc: {e.Message}";
        }
    }

    private static HostCpu? Start(string directory, out string reason)
    {
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(Path.Combine(directory, "hostcpu"))
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            reason = $"the host runs no i386 programs: {e.Message}";
            return null;
        }

        HostCpu host = new(directory, process);
        try
        {
            HostWindow.WriteSetup(host._writer);
            host._writer.Flush();
            uint mapped = host._reader.ReadUInt32();
            host.HasLowPages = (mapped & HostWindow.LowPages) == HostWindow.LowPages;
            if ((mapped | HostWindow.LowPages) == (1u << HostWindow.Pages.Length) - 1 && mapped != 0)
            {
                reason = "";
                return host;
            }

            reason = "the host refuses the window's pages or local descriptors";
        }
        catch (IOException e)
        {
            // The pipe breaks when the program stops at once, as under a kernel without i386 system calls.
            reason = $"the host's i386 program stopped: {e.Message}";
        }

        process.Kill();
        process.WaitForExit();
        process.Dispose();
        return null;
    }
}
