// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>Whether the process gives up, before the guest runs, what it needs no longer.</summary>
internal enum SandboxPolicy
{
    /// <summary>All that the kernel offers to give up.</summary>
    On,

    /// <summary>Nothing but what other options name: for debuggers, and for plugins that need rights or files later.</summary>
    Off,

    /// <summary>All, or the guest is not run.</summary>
    Require,
}
