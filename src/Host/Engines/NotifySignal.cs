// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Host.Engines;

/// <summary>How an engine tells a queue that the guest notified it: in process, or through the kernel.</summary>
/// <param name="Raise">Called on the guest's thread by engines in this process; must not block.</param>
/// <param name="EventFd">Signalled by engines in the kernel.</param>
internal readonly record struct NotifySignal(Action Raise, SafeHandle EventFd);
