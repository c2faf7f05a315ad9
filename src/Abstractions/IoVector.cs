// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug;

/// <summary>A piece of guest memory in the host's address space; the layout of C's <c>struct iovec</c>.</summary>
/// <param name="Address">The address of the first byte.</param>
/// <param name="Length">The number of bytes.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct IoVector(nint Address, nuint Length);
