// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// A device cannot be made. The message is shown to the user as it is, behind the option that asked for the device: name the
/// file or value, and say what was expected. Any other exception is reported as a defect of the plugin.
/// </summary>
public sealed class DeviceSetupException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One line without a full stop.</param>
    /// <param name="innerException">What caused it, if anything.</param>
    public DeviceSetupException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
