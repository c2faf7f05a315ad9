// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>Where the guest's instructions are to run.</summary>
internal enum EngineChoice
{
    /// <summary>The kernel's lguest where it exists, else the embedded CPU.</summary>
    Auto,

    /// <summary>The kernel's lguest.</summary>
    Kernel,

    /// <summary>The embedded CPU.</summary>
    Soft,
}
