// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Bench.Cpu;

/// <summary>Ends the benchmark with one line for the user.</summary>
internal sealed class BenchException(string message) : Exception(message);
