// SPDX-License-Identifier: MIT
namespace LguestPlug.Testing;

/// <summary>
/// A device broke a rule of the contract, or did not do in time what the test waits for. The message says what and where; the
/// inner exception is what the device threw, if it did.
/// </summary>
public sealed class DeviceTestException : Exception
{
    internal DeviceTestException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
