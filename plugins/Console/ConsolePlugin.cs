// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using LguestPlug;
using LguestPlug.Console;
using Microsoft.Win32.SafeHandles;

[assembly: DevicePlugin("console", typeof(ConsolePlugin), Summary = "the guest's terminal, on standard input and output")]

namespace LguestPlug.Console;

/// <summary>Options of the console.</summary>
public sealed class ConsoleOptions
{
    /// <summary>Whether every key goes to the guest as it is pressed.</summary>
    [Description("pass every key to the guest as it is pressed; off keeps the terminal's line editing and ^C")]
    public bool Raw { get; set; } = true;
}

/// <summary>Makes consoles.</summary>
public sealed class ConsolePlugin : DevicePlugin<ConsoleOptions>
{
    /// <inheritdoc/>
    public override VirtioDevice Create(ConsoleOptions options, IDeviceContext context)
    {
        SafeFileHandle input = StandardDescriptor.Open(StandardDescriptor.Input);
        ConsoleOutput output = ConsoleOutput.From(StandardDescriptor.Open(StandardDescriptor.Output));
        return new ConsoleDevice(input, output, options.Raw ? RawTerminal.For(input) : null, context, TimeProvider.System);
    }
}
