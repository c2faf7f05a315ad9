// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator;

/// <summary>Translator and interpreter did not do the same. The message says where and what, in several lines.</summary>
public sealed class LockstepException : Exception
{
    /// <summary>Without a report.</summary>
    public LockstepException()
    {
    }

    /// <summary>With a report.</summary>
    public LockstepException(string message)
        : base(message)
    {
    }

    /// <summary>With a report and a cause.</summary>
    public LockstepException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
