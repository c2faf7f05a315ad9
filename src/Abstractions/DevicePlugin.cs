// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>The entry class of a plugin as a host sees it. Authors derive from <see cref="DevicePlugin{TOptions}"/>.</summary>
/// <remarks>A host makes one instance for each device that is asked for, on its main thread.</remarks>
public abstract class DevicePlugin
{
    private protected DevicePlugin()
    {
    }

    /// <summary>The class whose public settable properties are the device's options.</summary>
    public abstract Type OptionsType { get; }

    /// <summary>Creates a device from bound and validated options.</summary>
    /// <param name="options">An instance of <see cref="OptionsType"/>.</param>
    /// <param name="context">What the host offers this one device.</param>
    /// <exception cref="DeviceSetupException">The device cannot be made.</exception>
    public abstract VirtioDevice CreateDevice(object options, IDeviceContext context);
}

/// <summary>The entry class of a plugin: makes devices out of options.</summary>
/// <typeparam name="TOptions">
/// The options. Every public settable property is one option of the command line, <c>--device NAME,key=value,...</c>:
/// <list type="bullet">
/// <item>The key is the property's name; case and hyphens do not count, so <c>ReadOnly</c> is <c>readonly</c> and
/// <c>read-only</c>. An unknown key is refused with the list of known ones.</item>
/// <item>The type is <see cref="string"/>, <see cref="bool"/> (the key alone means true; also true/false, on/off, yes/no),
/// an enum, or any type with <see cref="IParsable{TSelf}"/> (all numbers, <see cref="TimeSpan"/>, <see cref="ByteSize"/>,
/// one of your own), or the nullable form of one of these. The message of a <see cref="FormatException"/> thrown by its
/// Parse is shown behind the option and its text: let it begin with "expected".</item>
/// <item>The initial value is the default. Attributes of <see cref="System.ComponentModel.DataAnnotations"/> and
/// <see cref="System.ComponentModel.DataAnnotations.IValidatableObject"/> validate;
/// <see cref="System.ComponentModel.DescriptionAttribute"/> gives the help text.</item>
/// <item>At most one property has <see cref="PositionalOptionAttribute"/>: its value may be given without the key.</item>
/// </list>
/// </typeparam>
#pragma warning disable RS0022 // Inheritable is what it is for; only the base without options is closed.
public abstract class DevicePlugin<TOptions> : DevicePlugin
#pragma warning restore RS0022
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public sealed override Type OptionsType => typeof(TOptions);

    /// <inheritdoc/>
    public sealed override VirtioDevice CreateDevice(object options, IDeviceContext context) => Create((TOptions)options, context);

    /// <summary>
    /// Creates a device; called once, on the host's main thread, before there is a guest. Open here every file, socket or
    /// interface the device will ever need: afterwards the host may change its root directory and give up its privileges. May
    /// block for a while; the guest starts when all devices are made.
    /// </summary>
    /// <param name="options">Bound and validated options.</param>
    /// <param name="context">What the host offers this one device; valid until the device is disposed.</param>
    /// <returns>The device; the host disposes it.</returns>
    /// <exception cref="DeviceSetupException">The device cannot be made; the message says what was wrong and what was expected.</exception>
    public abstract VirtioDevice Create(TOptions options, IDeviceContext context);
}
