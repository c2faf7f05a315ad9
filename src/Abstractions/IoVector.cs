// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug;

/// <summary>
/// A piece of guest memory in the host's address space, in the layout of C's <c>struct iovec</c>: an array of them can be
/// handed to readv and its relatives.
/// </summary>
/// <param name="Address">The address of the first byte in this process; the guest's own addresses are nothing a device sees.</param>
/// <param name="Length">The number of bytes.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct IoVector(nint Address, nuint Length);
