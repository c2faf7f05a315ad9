// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// The version of the device contract, <c>Major.Minor</c>; the version of the package begins with it. A host runs the plugins
/// that were built against its own major version and a minor version not above its own, and refuses all others before it runs
/// any of their code, with one line that says both versions.
/// </summary>
public static class DeviceContract
{
    /// <summary>
    /// Grows when something is removed or changes its meaning, so that a plugin must be built again. It is also the major
    /// version of the assembly, whose other numbers stay 0.
    /// </summary>
    public const int Major = 1;

    /// <summary>
    /// Grows when something is added. Compiled into every plugin by <see cref="DevicePluginAttribute"/>, so that a host can
    /// tell whether the plugin may expect more than the host has.
    /// </summary>
    public const int Minor = 0;
}
