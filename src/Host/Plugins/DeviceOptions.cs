// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Plugins;

/// <summary>Fills a plugin's options object from the command line, as the device contract promises, and validates it.</summary>
internal static class DeviceOptions
{
    /// <returns>An instance of <paramref name="optionsType"/>.</returns>
    public static object Bind(DeviceRequest request, Type optionsType)
    {
        var properties = OptionProperties(optionsType);
        var options = Activator.CreateInstance(optionsType)!;
        var given = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (property, value, isKeyAlone) in Assignments(request, properties))
        {
            if (!given.Add(property.Name))
                throw Wrong(request, $"option '{KeyOf(property)}' is given twice");
            property.SetValue(options, isKeyAlone ? ValueOfKeyAlone(request, property) : Parse(request, property, value!));
        }
        Validate(request, options);
        return options;
    }

    /// <summary>Every option of the plugin with the text given for it: true for a key alone, null for none.</summary>
    public static IReadOnlyDictionary<string, object?> Given(DeviceRequest request, Type optionsType)
    {
        var properties = OptionProperties(optionsType);
        var given = properties.ToDictionary(KeyOf, _ => (object?)null);
        foreach (var (property, value, isKeyAlone) in Assignments(request, properties))
            given[KeyOf(property)] = isKeyAlone ? true : value;
        return given;
    }

    /// <summary>Every option as a user is told of it.</summary>
    /// <exception cref="HostException">An option has a type that cannot be read from text.</exception>
    public static IReadOnlyList<OptionDescription> Describe(string device, Type optionsType)
    {
        var initial = Activator.CreateInstance(optionsType)!;
        return [.. OptionProperties(optionsType).Select(property => new OptionDescription(
            KeyOf(property),
            TypeText(device, property),
            DefaultText(property.GetValue(initial)),
            // One with a value of its own need not be given.
            property.IsDefined(typeof(RequiredAttribute)) && property.GetValue(initial) is null or "",
            property.IsDefined(typeof(PositionalOptionAttribute)),
            property.GetCustomAttribute<DescriptionAttribute>()?.Description ?? ""))];
    }

    /// <summary>How a property is written on the command line: <c>ReadOnly</c> is <c>read-only</c>.</summary>
    public static string KeyOf(PropertyInfo property) => Hyphenated(property.Name);

    private static string Hyphenated(string name)
    {
        var key = new StringBuilder();
        foreach (var (i, c) in name.Index())
        {
            if (i > 0 && char.IsUpper(c) && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1]))))
                key.Append('-');
            key.Append(char.ToLowerInvariant(c));
        }
        return key.ToString();
    }

    private static string TypeText(string device, PropertyInfo property)
    {
        var type = TypeOf(property);
        if (type == typeof(bool))
            return "on|off";
        if (type.IsEnum)
            return string.Join('|', Enum.GetNames(type).Select(Hyphenated));
        if (!IsReadable(type))
            throw Unreadable(device, property);
        if (property.GetCustomAttribute<RangeAttribute>() is { } range)
            return $"{range.Minimum}..{range.Maximum}";
        if (type == typeof(string))
            return "text";
        if (type == typeof(ByteSize))
            return "size";
        return Type.GetTypeCode(type) is >= TypeCode.SByte and <= TypeCode.Decimal ? "number" : type.Name.ToLowerInvariant();
    }

    private static string? DefaultText(object? value) => value switch
    {
        null => null,
        bool on => on ? "on" : "off",
        Enum name => Hyphenated(name.ToString()),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private static bool IsReadable(Type type) =>
        type == typeof(string) || type == typeof(bool) || type.IsEnum || type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IParsable<>));

    private static HostException Unreadable(string device, PropertyInfo property) =>
        new($"plugin '{device}': option '{KeyOf(property)}' has type {TypeOf(property)}, which cannot be read from text");

    /// <summary>The properties that are options.</summary>
    public static IReadOnlyList<PropertyInfo> OptionProperties(Type optionsType) =>
        [.. optionsType.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true })];

    private static IEnumerable<(PropertyInfo Property, string? Value, bool IsKeyAlone)> Assignments(
        DeviceRequest request, IReadOnlyList<PropertyInfo> properties)
    {
        if (request.Value is { } value)
        {
            var positional = properties.FirstOrDefault(p => p.IsDefined(typeof(PositionalOptionAttribute)));
            if (positional is not null)
                yield return (positional, value, false);
            else if (Find(properties, value) is { } byKey)
                yield return (byKey, null, true);
            else
                throw Wrong(request, $"'{value}' has no key{Known(properties, value)}");
        }
        foreach (var (key, text) in request.Options)
        {
            var property = Find(properties, key)
                ?? throw Wrong(request, $"unknown option '{key}'{Known(properties, key)}");
            yield return (property, text, text is null);
        }
    }

    private static PropertyInfo? Find(IReadOnlyList<PropertyInfo> properties, string key)
    {
        static string Plain(string text) => text.Replace("-", "", StringComparison.Ordinal);
        return properties.FirstOrDefault(p => Plain(p.Name).Equals(Plain(key), StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>What there is in place of a word that is not known; goes on with a message.</summary>
    private static string Known(IReadOnlyList<PropertyInfo> properties, string word)
    {
        var keys = properties.Select(KeyOf).ToList();
        if (keys.Count == 0)
            return "; it has no options";
        var suggestion = Suggestion.For(word, keys);
        return $"{suggestion}{(suggestion.Length == 0 ? "; its" : " Its")} options are: {string.Join(", ", keys)}";
    }

    private static bool ValueOfKeyAlone(DeviceRequest request, PropertyInfo property) =>
        TypeOf(property) == typeof(bool) ? true : throw Wrong(request, $"option '{KeyOf(property)}' needs a value: {KeyOf(property)}=...");

    private static Type TypeOf(PropertyInfo property) => Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;

    private static object Parse(DeviceRequest request, PropertyInfo property, string text)
    {
        HostException Bad(string expected) => Wrong(request, $"option '{KeyOf(property)}' cannot be '{text}': {expected}");
        var type = TypeOf(property);
        if (type == typeof(string))
            return text;
        if (type == typeof(bool))
        {
            return text.ToLowerInvariant() switch
            {
                "true" or "on" or "yes" => true,
                "false" or "off" or "no" => false,
                _ => throw Bad("expected on or off"),
            };
        }
        if (type.IsEnum)
        {
            var name = Enum.GetNames(type).FirstOrDefault(n => n.Equals(text.Replace("-", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))
                ?? throw Bad($"expected one of {string.Join(", ", Enum.GetNames(type).Select(n => n.ToLowerInvariant()))}");
            return Enum.Parse(type, name);
        }
        if (!IsReadable(type))
            throw Unreadable(request.Name, property);
        try
        {
            return s_parse.MakeGenericMethod(type).Invoke(null, [text])!;
        }
        catch (TargetInvocationException e) when (e.InnerException is FormatException or OverflowException or ArgumentException)
        {
            throw Bad(Expected(type, property, e.InnerException));
        }
    }

    private static readonly MethodInfo s_parse =
        typeof(DeviceOptions).GetMethod(nameof(ParseAs), BindingFlags.NonPublic | BindingFlags.Static)!;

    private static T ParseAs<T>(string text)
        where T : IParsable<T> => T.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>The system's messages do not say what would be right; a plugin's own types do.</summary>
    private static string Expected(Type type, PropertyInfo property, Exception error)
    {
        if (property.GetCustomAttribute<RangeAttribute>() is { } range)
            return $"expected {range.Minimum} to {range.Maximum}";
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Byte or TypeCode.UInt16 or TypeCode.UInt32 or TypeCode.UInt64 or TypeCode.SByte or TypeCode.Int16 or TypeCode.Int32 or TypeCode.Int64 =>
                $"expected a whole number from {type.GetField("MinValue")!.GetValue(null)} to {type.GetField("MaxValue")!.GetValue(null)}",
            TypeCode.Single or TypeCode.Double or TypeCode.Decimal => "expected a number",
            _ => error.Message.ReplaceLineEndings(" "),
        };
    }

    private static void Validate(DeviceRequest request, object options)
    {
        foreach (var property in OptionProperties(options.GetType()))
        {
            var value = property.GetValue(options);
            foreach (var rule in property.GetCustomAttributes<ValidationAttribute>())
            {
                // Checked one by one so that the message can tell what would be right, in the words of the command line.
                var context = new ValidationContext(options) { MemberName = property.Name, DisplayName = KeyOf(property) };
                if (rule.GetValidationResult(value, context) is not { } failure)
                    continue;
                throw Wrong(request, rule switch
                {
                    RequiredAttribute => $"option '{KeyOf(property)}' is missing",
                    RangeAttribute range => $"option '{KeyOf(property)}' cannot be {value}: expected {range.Minimum} to {range.Maximum}",
                    _ => failure.ErrorMessage ?? $"option '{KeyOf(property)}' cannot be {value}",
                });
            }
        }
        if (options is IValidatableObject self && self.Validate(new ValidationContext(options)).FirstOrDefault() is { } wrong)
            throw Wrong(request, wrong.ErrorMessage ?? "its options do not go together");
    }

    private static HostException Wrong(DeviceRequest request, string reason) => new($"{request.Spelling}: {reason}");
}
