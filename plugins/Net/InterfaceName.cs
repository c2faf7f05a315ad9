// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Net;

/// <summary>What the kernel takes as the name of a network interface.</summary>
internal static class InterfaceName
{
    /// <summary>Bytes of a name with its terminating zero (IFNAMSIZ).</summary>
    internal const int Capacity = 16;

    internal const string Rule = "a name has 1 to 15 characters, without spaces, slashes, colons or percent signs";

    /// <summary>A percent sign is valid to the kernel, as a pattern, but names no one interface.</summary>
    internal static bool IsValid(string name) =>
        name.Length is > 0 and < Capacity
        && name is not "." and not ".."
        && name.All(c => c is > ' ' and < (char)0x7F and not '/' and not ':' and not '%');
}
