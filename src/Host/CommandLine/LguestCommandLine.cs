// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using System.CommandLine.Parsing;
using LguestPlug.Emulator;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.CommandLine;

/// <summary>The <c>lguest</c> command: its options, and how they become a request.</summary>
internal sealed class LguestCommandLine
{
    /// <summary>The option that all commands have.</summary>
    public const string PluginDirectoryOption = "--plugin-dir";

    private readonly RootCommand _root = new("Runs a Linux guest built for lguest, its devices served by plugins.");
    private readonly Dictionary<Option, ShortForm> _shortForms = [];
    private readonly Option<string[]> _device = new("--device")
    {
        HelpName = "NAME[,key=value...]",
        Description = "A device from a plugin; 'lguest plugins' lists them. ',,' is a comma inside a value.",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string> _initrd = new("--initrd", "-i")
    {
        HelpName = "FILE",
        Description = "An initial RAM disk, placed at the top of the guest's memory",
    };
    private readonly Option<string[]> _pluginDirectories = new(PluginDirectoryOption)
    {
        HelpName = "DIR",
        Description = "Look for plugins there too: in DIR itself and in its subfolders",
        Recursive = true,
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string> _engine = new("--engine")
    {
        HelpName = "auto|kernel|soft",
        Description = "Where the guest runs: /dev/lguest (kernel), the embedded CPU (soft), or the first that is there (auto)",
    };
    private readonly Option<string> _cpu = new("--cpu")
    {
        HelpName = "auto|translator|interpreter|lockstep",
        Description = "How the embedded CPU executes: as machine code of this one (translator), instruction by instruction (interpreter), the faster that works here (auto), or both against each other to find mistakes, slowly (lockstep)",
    };
    private readonly Option<string> _userName = new("--username")
    {
        HelpName = "NAME",
        Description = "Become this user, with all its groups and no others, before the guest runs (needs root)",
    };
    private readonly Option<string> _changeRoot = new("--chroot")
    {
        HelpName = "DIR",
        Description = "Make DIR, which may be empty, the root directory before the guest runs (needs root)",
    };
    private readonly Option<string> _sandbox = new("--sandbox")
    {
        HelpName = "on|off|require",
        Description = "Before the guest runs give up all capabilities, and files, programs and networks not open by then: as far as the kernel offers that (on, the default), or else do not run it (require), or not (off)",
    };
    private readonly Option<bool> _noReboot = new("--no-reboot")
    {
        Description = "End when the guest asks for a reboot instead of starting it afresh",
    };
    private readonly Option<string> _onDeviceFault = new("--on-device-fault")
    {
        HelpName = "stop|detach",
        Description = "When a device cannot go on, because its driver broke a rule or its plugin failed: end (stop, the default), or leave the guest running without it (detach)",
    };
    private readonly Option<bool> _dumpGuestCore = new("--dump-guest-core")
    {
        Description = "Have the guest's memory in a core dump of this process; it is left out otherwise",
    };
    private readonly Option<bool> _templateArguments = new("--template-args")
    {
        Description = "The guest's words are templates over the machine: 'disks={{ devices.block.size }}'",
    };
    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Lay everything out and describe it on stdout, without running the guest",
    };
    private readonly Option<string> _dump = new("--dump")
    {
        HelpName = "FILE",
        Description = "With --dry-run: write the guest's memory to FILE",
    };
    private readonly Option<string> _format = new("--format")
    {
        HelpName = "table|json|TEMPLATE",
        Description = "With --dry-run: how to describe the machine; a template is one of Scriban, '{{ page_limit }}'",
    };
    private readonly Option<bool> _verbose = new("--verbose", "-v")
    {
        Description = "Tell on stderr what is laid out, offered, accepted and notified",
        Recursive = true,
    };
    private readonly Option<bool> _statistics = new("--stats")
    {
        Description = "Tell on stderr, when the guest ends, what the embedded CPU did and what the time went into",
    };
    // A name of its own, since an option that may have a value would take the memory size for one.
    private readonly Option<bool> _statisticsJson = new("--stats=json")
    {
        Description = "The same as one line of JSON",
    };
    private readonly Option<string> _cpuTrace = new("--trace-cpu")
    {
        HelpName = "FILE[,from[,count]]",
        Description = "Write the embedded CPU's instructions to FILE as they are executed, from number 'from' (default 0) on and at most 'count'",
    };
    private readonly Option<string> _deviceTrace = new(DeviceTraceRequest.Option)
    {
        HelpName = "FILE[,key=value...]",
        Description = "Write every descriptor chain and completion to FILE: of all devices or device=NAME ..., for reading (format=text) or for 'lguest trace' and 'lguest replay' (format=json), there with data=none, readable or full",
    };
    private readonly Argument<string> _memory = new("mem-in-mb")
    {
        Description = "The guest's memory in megabytes; 64M and 1G are understood too",
    };
    private readonly Argument<string> _kernel = new("vmlinux")
    {
        Description = "The kernel: an ELF image (vmlinux) or a bzImage",
    };
    private readonly Argument<string[]> _guestWords = new("args")
    {
        Description = "The guest's kernel command line: every word after the image, verbatim",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Func<LaunchRequest, int> _launch;
    private readonly IPluginActions _plugins;
    private readonly PluginsCommand _pluginsCommand;

    /// <param name="launch">Runs a guest; answers the exit code.</param>
    /// <param name="plugins">What <c>lguest plugins</c> does.</param>
    /// <param name="others">Other commands.</param>
    public LguestCommandLine(Func<LaunchRequest, int> launch, IPluginActions plugins, params IEnumerable<Command> others)
    {
        _launch = launch;
        _plugins = plugins;
        foreach (var form in ShortForms.All)
        {
            Option option = form.ValueName is null
                ? new Option<bool>(form.Option) { Description = form.Help }
                : new Option<string[]>(form.Option) { Description = form.Help, HelpName = form.ValueName, Arity = ArgumentArity.OneOrMore };
            _shortForms.Add(option, form);
            _root.Add(option);
        }
        foreach (var option in new Option[]
        {
            _initrd, _device, _pluginDirectories, _engine, _cpu, _userName, _changeRoot, _sandbox, _noReboot, _onDeviceFault, _dumpGuestCore, _templateArguments, _dryRun, _dump, _format, _verbose, _statistics, _statisticsJson, _deviceTrace, _cpuTrace,
        })
            _root.Add(option);
        _root.Add(_memory);
        _root.Add(_kernel);
        _root.Add(_guestWords);

        _pluginsCommand = new PluginsCommand(plugins, _pluginDirectories);
        _root.Add(_pluginsCommand);
        foreach (var command in others)
            _root.Add(command);

        _root.SetAction(result => _launch(ReadLaunch(result)));
        HelpText.Install(_root);
    }

    /// <summary>Parses and carries out; mistakes are thrown as <see cref="UsageException"/>.</summary>
    public int Invoke(IReadOnlyList<string> words, TextWriter output)
    {
        var result = _root.Parse(GuestWords.MarkStart(_root, words), new ParserConfiguration
        {
            // "@name" is a file name or a guest's word, not a file of more words; "-vi" is a mistake.
            ResponseFileTokenReplacer = null,
            EnablePosixBundling = false,
        });
        if (result.CommandResult.Command == _root && DeviceToExplain(result) is { } device)
            return _plugins.Info(device, result.GetValue(_pluginDirectories) ?? []);
        if (result.Errors.Count > 0 && result.Action is not { ClearsParseErrors: true })
            throw new UsageException(Explain(result));
        return result.Invoke(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = output,
        });
    }

    /// <summary>The first device asked for as <c>NAME,...,help</c>: QEMU's way to ask for its options, whatever else is there or missing.</summary>
    private DeviceRequest? DeviceToExplain(ParseResult result)
    {
        foreach (var text in result.GetValue(_device) ?? [])
        {
            if (text.EndsWith(",help", StringComparison.Ordinal) && !text.EndsWith(",,help", StringComparison.Ordinal))
                return PluginsCommand.InfoRequest("--device ", text[..^",help".Length]);
        }
        return null;
    }

    private LaunchRequest ReadLaunch(ParseResult result)
    {
        if (!result.GetValue(_dryRun))
        {
            // Better than a guest that runs where only a look was wanted.
            foreach (var option in new Option<string>[] { _dump, _format })
            {
                if (result.GetValue(option) is not null)
                    throw new UsageException($"{option.Name} needs --dry-run");
            }
        }
        return Read(result);
    }

    private LaunchRequest Read(ParseResult result) => new()
    {
        MemoryBytes = MemorySize.Parse(NoCommand(result.GetRequiredValue(_memory))),
        Kernel = result.GetRequiredValue(_kernel),
        GuestArguments = result.GetValue(_guestWords) ?? [],
        Initrd = result.GetValue(_initrd),
        Devices = WithDefault([.. ReadDevices(result)]),
        PluginDirectories = result.GetValue(_pluginDirectories) ?? [],
        Engine = ReadEngine(result.GetValue(_engine)),
        Cpu = ReadCpu(result.GetValue(_cpu)),
        UserName = result.GetValue(_userName),
        ChangeRoot = result.GetValue(_changeRoot),
        Sandbox = ReadSandboxPolicy(result.GetValue(_sandbox)),
        Reboot = !result.GetValue(_noReboot),
        DumpGuestCore = result.GetValue(_dumpGuestCore),
        OnDeviceFault = ReadDeviceFaultPolicy(result.GetValue(_onDeviceFault)),
        TemplateArguments = result.GetValue(_templateArguments),
        DryRun = result.GetValue(_dryRun),
        Dump = result.GetValue(_dump),
        Format = result.GetValue(_format),
        Verbose = result.GetValue(_verbose),
        Statistics = result.GetValue(_statisticsJson) ? StatisticsFormat.Json : result.GetValue(_statistics) ? StatisticsFormat.Table : StatisticsFormat.None,
        CpuTrace = result.GetValue(_cpuTrace) is { } trace ? CpuTraceRequest.Parse(trace) : null,
        DeviceTrace = result.GetValue(_deviceTrace) is { } deviceTrace ? DeviceTraceRequest.Parse(deviceTrace) : null,
    };

    private static EngineChoice ReadEngine(string? name) => name switch
    {
        null or "auto" => EngineChoice.Auto,
        "kernel" => EngineChoice.Kernel,
        "soft" => EngineChoice.Soft,
        _ => throw new UsageException($"--engine is 'auto', 'kernel' or 'soft', not '{name}'"),
    };

    private static DeviceFaultPolicy ReadDeviceFaultPolicy(string? name) => name switch
    {
        null or "stop" => DeviceFaultPolicy.Stop,
        "detach" => DeviceFaultPolicy.Detach,
        _ => throw new UsageException($"--on-device-fault is 'stop' or 'detach', not '{name}'"),
    };

    private static SandboxPolicy ReadSandboxPolicy(string? name) => name switch
    {
        null or "on" => SandboxPolicy.On,
        "off" => SandboxPolicy.Off,
        "require" => SandboxPolicy.Require,
        _ => throw new UsageException($"--sandbox is 'on', 'off' or 'require', not '{name}'"),
    };

    private static CpuExecution ReadCpu(string? name) => name switch
    {
        null or "auto" => CpuExecution.Auto,
        "translator" => CpuExecution.Translator,
        "interpreter" => CpuExecution.Interpreter,
        "lockstep" => CpuExecution.Lockstep,
        _ => throw new UsageException($"--cpu is 'auto', 'translator', 'interpreter' or 'lockstep', not '{name}'"),
    };

    /// <summary>
    /// The order of devices across all options is the order on the bus, so they are read from the words themselves:
    /// the values of one option alone do not tell it.
    /// </summary>
    private IEnumerable<DeviceRequest> ReadDevices(ParseResult result)
    {
        Option? current = null;
        foreach (var token in result.Tokens)
        {
            if (token.Type == TokenType.DoubleDash)
                yield break;
            if (token.Type == TokenType.Option)
            {
                current = OptionNamed(token.Value);
                if (current is not null && _shortForms.TryGetValue(current, out var form) && form.ValueName is null)
                    yield return new(form.Device, null, [], form.Option);
            }
            else if (current is not null)
            {
                if (current == _device)
                    yield return DeviceRequest.Parse(token.Value);
                else if (_shortForms.TryGetValue(current, out var form) && form.ValueName is not null)
                    yield return new(form.Device, token.Value, [], $"{form.Option}={token.Value}");
                current = null;
            }
        }
    }

    /// <summary>Whoever asks for the default device, with options of its own perhaps, does not get a second one.</summary>
    private static List<DeviceRequest> WithDefault(List<DeviceRequest> devices)
    {
        if (!devices.Exists(d => d.Name == ShortForms.AlwaysLast.Name))
            devices.Add(ShortForms.AlwaysLast);
        return devices;
    }

    private Option? OptionNamed(string name) => _root.Options.FirstOrDefault(o => o.Name == name || o.Aliases.Contains(name));

    /// <summary>Where a command may stand, too, a word that is no size may be a misspelt one.</summary>
    private string NoCommand(string memory)
    {
        if (memory.Length > 0 && !char.IsAsciiDigit(memory[0]) && Suggestion.For(memory, _root.Subcommands.Where(c => !c.Hidden).Select(c => c.Name)) is { Length: > 0 } suggestion)
            throw new UsageException($"'{memory}' is neither a command nor a memory size{suggestion} (see lguest --help)");
        return memory;
    }

    private string Explain(ParseResult result)
    {
        if (result.CommandResult.Command == _root)
        {
            if (result.GetResult(_memory) is { Tokens: [var word, ..] })
                NoCommand(word.Value);
            if (result.GetResult(_memory) is not { Tokens.Count: > 0 })
                return "the memory size and the kernel image are missing: lguest [options] <mem-in-mb> vmlinux [args...] (see lguest --help)";
            if (result.GetResult(_kernel) is not { Tokens.Count: > 0 })
                return "the kernel image is missing: lguest [options] <mem-in-mb> vmlinux [args...] (see lguest --help)";
        }
        return _pluginsCommand.Explain(result) ?? result.Errors[0].Message.ReplaceLineEndings(" ");
    }
}
