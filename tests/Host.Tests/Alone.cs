// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Tests;

/// <summary>Tests that count what this process holds: others at the same time would open files and load assemblies.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public class Alone;
