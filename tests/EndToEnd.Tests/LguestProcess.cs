// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A real <c>lguest</c> process: its console on pipes, its end awaited, never left behind.</summary>
public sealed class LguestProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly Thread[] _readers;
    private int _seen;

    private LguestProcess(ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        // Whoever runs the tests may have plugins of their own.
        start.Environment["XDG_DATA_HOME"] = "/nonexistent";
        _process = Process.Start(start)!;
        _readers = [Collect(_process.StandardOutput, _output), Collect(_process.StandardError, _errors)];
    }

    public static string RepositoryRoot { get; } = FindRoot();

    public static string Puppy => Path.Combine(RepositoryRoot, "guests", "puppy", "puppy");

    /// <summary>The command, built in the configuration these tests are built in.</summary>
    public static string Executable => BuiltIn("src/Host", "lguest");

    /// <summary>The benchmark that drives the launcher over a stand-in for its device file.</summary>
    public static string Driver => BuiltIn("bench/Throughput", "LguestPlug.Bench.Throughput.dll");

    public int Id => _process.Id;

    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public string Errors
    {
        get
        {
            lock (_errors)
                return _errors.ToString();
        }
    }

    /// <summary>The configuration these tests are built in.</summary>
    public static string Configuration => new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Parent!.Name;

    /// <summary>Starts a command that becomes an <c>lguest</c>.</summary>
    public static LguestProcess Start(ProcessStartInfo start) => new(start);

    public static LguestProcess Start(params string[] arguments) => new(new ProcessStartInfo(Executable, arguments));

    /// <summary>Starts with standard input, output and error on a terminal; what is then typed and read is the terminal's.</summary>
    public static LguestProcess StartOnTerminal(string terminal, params string[] arguments) =>
        new(new ProcessStartInfo("sh", ["-c", $"exec \"$@\" <{terminal} >{terminal} 2>&1", "sh", Executable, .. arguments]));

    /// <summary>Starts in a network namespace of its own, where a tap disturbs nobody.</summary>
    public static LguestProcess StartInOwnNetwork(params string[] arguments) =>
        new(new ProcessStartInfo("unshare", ["--net", "--", Executable, .. arguments]));

    /// <summary>Starts in a network namespace of its own, with a bridge of that name in it.</summary>
    public static LguestProcess StartWithOwnBridge(string bridge, params string[] arguments) =>
        new(new ProcessStartInfo("unshare", ["--net", "--", "sh", "-c", $"ip link add {bridge} type bridge && ip link set {bridge} up && exec \"$@\"", "sh", Executable, .. arguments]));

    /// <summary>Starts in the network namespace of another one that runs.</summary>
    public static LguestProcess StartInNetworkOf(LguestProcess other, params string[] arguments) =>
        new(new ProcessStartInfo("nsenter", [$"--net=/proc/{other.Id}/ns/net", "--", Executable, .. arguments]));

    /// <summary>Starts behind a command that ends by becoming the one given to it.</summary>
    public static LguestProcess StartBehind(IReadOnlyList<string> command, IReadOnlyList<string> arguments) =>
        new(new ProcessStartInfo(command[0], [.. command.Skip(1), Executable, .. arguments]));

    /// <summary>Why <see cref="StartWithOwnBridge"/> cannot work here, or null.</summary>
    public static string? WhyNoBridge() => WhyNoNetwork() ?? WhyNot("needs bridges (ip link add type bridge)", "unshare", "--net", "--", "ip", "link", "add", "br0", "type", "bridge");

    /// <summary>Why <see cref="StartInOwnNetwork"/> cannot work here, or null.</summary>
    public static string? WhyNoNetwork()
    {
        if (!Environment.IsPrivilegedProcess)
            return "needs root for a tap interface";
        if (!File.Exists("/dev/net/tun"))
            return "needs /dev/net/tun";
        return WhyNot("needs network namespaces (unshare --net)", "unshare", "--net", "--", "true");
    }

    /// <summary>The reason when a command cannot be run with success, else null.</summary>
    internal static string? WhyNot(string reason, string program, params string[] arguments)
    {
        try
        {
            using var trial = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true });
            trial!.WaitForExit();
            return trial.ExitCode == 0 ? null : reason;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return reason;
        }
    }

    /// <summary>Runs to the end with an empty standard input.</summary>
    public static (int ExitCode, string Output, string Errors) Run(params string[] arguments) => ToTheEnd(Start(arguments));

    /// <summary>The same as the same user, but without any of root's rights.</summary>
    public static (int ExitCode, string Output, string Errors) RunWithoutRights(params string[] arguments) =>
        ToTheEnd(new(new ProcessStartInfo("setpriv", ["--bounding-set=-all", "--inh-caps=-all", "--", Executable, .. arguments])));

    private static (int ExitCode, string Output, string Errors) ToTheEnd(LguestProcess started)
    {
        using var process = started;
        process.EndInput();
        return (process.WaitForExit(), process.Output, process.Errors);
    }

    public void Type(string text)
    {
        _process.StandardInput.Write(text);
        _process.StandardInput.Flush();
    }

    public void EndInput() => _process.StandardInput.Close();

    /// <summary>Waits for a text in the output after what was waited for before.</summary>
    public string WaitFor(string text)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            lock (_output)
            {
                var unseen = _output.ToString(_seen, _output.Length - _seen);
                var at = unseen.IndexOf(text, StringComparison.Ordinal);
                if (at >= 0)
                {
                    var passed = unseen[..(at + text.Length)];
                    _seen += passed.Length;
                    return passed;
                }
            }
            if (clock.Elapsed > s_patience || _process.HasExited)
            {
                // What came with the end is still to be looked at once.
                if (_process.HasExited && _readers.Any(r => r.IsAlive) && clock.Elapsed < s_patience)
                {
                    Thread.Sleep(10);
                    continue;
                }
                throw new TimeoutException($"'{text}' did not appear; output:\n{Output}\nerrors:\n{Errors}");
            }
            Thread.Sleep(5);
        }
    }

    /// <summary>Waits for a text anywhere in the errors.</summary>
    public void WaitForErrors(string text)
    {
        var clock = Stopwatch.StartNew();
        while (!Errors.Contains(text, StringComparison.Ordinal))
        {
            if (clock.Elapsed > s_patience || _process.HasExited)
                throw new TimeoutException($"'{text}' did not appear; errors:\n{Errors}");
            Thread.Sleep(5);
        }
    }

    /// <summary>
    /// Skips where a signal is ignored by whoever runs the tests, as under nohup or in the background of a script: that is
    /// handed down, and programs are to keep it.
    /// </summary>
    public static void SkipWhenIgnored(int signal)
    {
        var ignored = File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..];
        var mask = ulong.Parse(ignored.Trim(), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
        Assert.SkipWhen(signal > 0 && (mask >> (signal - 1) & 1) != 0, $"signal {signal} is ignored where these tests run, and so by what they start");
    }

    public void Signal(int signal) => _ = kill(_process.Id, signal);

    public int WaitForExit()
    {
        if (!_process.WaitForExit(s_patience))
            throw new TimeoutException($"lguest did not end; output:\n{Output}\nerrors:\n{Errors}");
        foreach (var reader in _readers)
            reader.Join(s_patience);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static Thread Collect(StreamReader from, StringBuilder into)
    {
        var thread = new Thread(() =>
        {
            var buffer = new char[4096];
            for (int count; (count = from.Read(buffer)) > 0;)
            {
                lock (into)
                    into.Append(buffer, 0, count);
            }
        })
        { IsBackground = true };
        thread.Start();
        return thread;
    }

    /// <summary>A file of a project, built in the configuration these tests are built in.</summary>
    public static string BuiltIn(string project, string file)
    {
        var framework = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        return Path.Combine(RepositoryRoot, project, "bin", Configuration, framework.Name, file);
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "LguestPlug.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("these tests run inside the repository");
        return folder.FullName;
    }

    [DllImport("libc")]
    private static extern int kill(int process, int signal);
}
