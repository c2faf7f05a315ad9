// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Engines;

/// <summary>
/// An open <c>/dev/lguest</c>. The seam behind which tests put a stand-in; nothing but system calls belongs in here.
/// Answers are what the system call returned, or the negated error number.
/// </summary>
internal interface ILguestDevice : IDisposable
{
    nint Write(ReadOnlySpan<nint> words);

    /// <summary>A pread at offset 0, which is the number of the only CPU.</summary>
    nint Read(Span<byte> buffer);
}
