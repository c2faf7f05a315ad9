// SPDX-License-Identifier: GPL-2.0-or-later
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace LguestPlug.Host.Plugins;

/// <summary>
/// Reads which devices an assembly announces from its metadata, without loading it: a plugin built for another contract
/// would otherwise fail in ways that name neither the plugin nor the reason.
/// </summary>
internal static class PluginMetadata
{
    private static readonly string ContractName = typeof(DevicePlugin).Assembly.GetName().Name!;
    private static readonly Version HostContract = new(DeviceContract.Major, DeviceContract.Minor);

    /// <returns>The announced devices; none for an assembly that is no plugin.</returns>
    /// <exception cref="BadImageFormatException">The file is not an assembly.</exception>
    public static IReadOnlyList<PluginCandidate> Read(string path)
    {
        using var file = File.OpenRead(path);
        using var image = new PEReader(file, PEStreamOptions.PrefetchEntireImage);
        if (!image.HasMetadata)
            return [];
        var metadata = image.GetMetadataReader();
        if (!metadata.IsAssembly)
            return [];

        var candidates = new List<PluginCandidate>();
        foreach (var handle in metadata.GetAssemblyDefinition().GetCustomAttributes())
        {
            var attribute = metadata.GetCustomAttribute(handle);
            if (ContractOf(metadata, attribute) is { } contract)
                candidates.Add(ReadCandidate(metadata, attribute, contract, path));
        }
        return candidates;
    }

    /// <summary>The assembly an announcement's attribute comes from, or null if the attribute is another.</summary>
    private static (string Assembly, Version Version)? ContractOf(MetadataReader metadata, CustomAttribute attribute)
    {
        switch (attribute.Constructor.Kind)
        {
            case HandleKind.MemberReference
                when metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent is { Kind: HandleKind.TypeReference } parent:
                var reference = metadata.GetTypeReference((TypeReferenceHandle)parent);
                if (!IsAnnouncement(metadata, reference.Namespace, reference.Name) || reference.ResolutionScope.Kind != HandleKind.AssemblyReference)
                    return null;
                var assembly = metadata.GetAssemblyReference((AssemblyReferenceHandle)reference.ResolutionScope);
                return (metadata.GetString(assembly.Name), assembly.Version);

            case HandleKind.MethodDefinition:
                var method = metadata.GetMethodDefinition((MethodDefinitionHandle)attribute.Constructor);
                var definition = metadata.GetTypeDefinition(method.GetDeclaringType());
                if (!IsAnnouncement(metadata, definition.Namespace, definition.Name))
                    return null;
                var self = metadata.GetAssemblyDefinition();
                return (metadata.GetString(self.Name), self.Version);

            default:
                return null;
        }
    }

    private static bool IsAnnouncement(MetadataReader metadata, StringHandle ns, StringHandle name) =>
        metadata.StringComparer.Equals(name, nameof(DevicePluginAttribute))
        && metadata.StringComparer.Equals(ns, typeof(DevicePluginAttribute).Namespace!);

    private static PluginCandidate ReadCandidate(
        MetadataReader metadata, CustomAttribute attribute, (string Assembly, Version Version) contract, string path)
    {
        var version = metadata.GetAssemblyDefinition().Version.ToString(3);
        try
        {
            var value = attribute.DecodeValue(AttributeTypes.Instance);
            var name = Argument<string>(value, 0) ?? "";
            var type = Argument<string>(value, 1) ?? "";
            var minor = Argument<int>(value, 2);
            var summary = value.NamedArguments.FirstOrDefault(a => a.Name == nameof(DevicePluginAttribute.Summary)).Value as string;
            return new(name, type.Split(',')[0], summary ?? "", version, BuiltFor(contract, minor), path, Mismatch(contract, minor));
        }
        catch (BadImageFormatException)
        {
            return new("", "", "", version, BuiltFor(contract, 0), path, Mismatch(contract, 0) ?? "its announcement cannot be read");
        }
    }

    /// <param name="contract">The assembly the announcement refers to.</param>
    /// <param name="minor">The minor version the announcement was compiled with; the assembly's own is 0 in all of a major version.</param>
    private static Version BuiltFor((string Assembly, Version Version) contract, int minor) =>
        new(contract.Version.Major, Math.Max(contract.Version.Minor, minor));

    /// <summary>Why a plugin built against that contract cannot be used here, or null.</summary>
    private static string? Mismatch((string Assembly, Version Version) contract, int minor)
    {
        if (contract.Assembly != ContractName)
            return $"announced with a device contract of its own ({contract.Assembly} {contract.Version}); this lguest has {ContractName} {HostContract}";
        var built = BuiltFor(contract, minor);
        if (built > HostContract)
            return $"built for device contract {built}, but this lguest has {HostContract}: it needs a newer lguest";
        if (built.Major < HostContract.Major)
            return $"built for device contract {built}, but this lguest has {HostContract}: it must be built again for that";
        return null;
    }

    private static T? Argument<T>(CustomAttributeValue<string> value, int index) =>
        index < value.FixedArguments.Length && value.FixedArguments[index].Value is T argument ? argument : default;

    /// <summary>Names types by their full names, which is all that is needed of them.</summary>
    private sealed class AttributeTypes : ICustomAttributeTypeProvider<string>
    {
        public static readonly AttributeTypes Instance = new();

        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();

        public string GetSystemType() => "System.Type";

        public string GetSZArrayType(string elementType) => elementType + "[]";

        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
            reader.GetString(reader.GetTypeDefinition(handle).Name);

        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) =>
            reader.GetString(reader.GetTypeReference(handle).Name) is "Type" ? "System.Type" : reader.GetString(reader.GetTypeReference(handle).Name);

        public string GetTypeFromSerializedName(string name) => name;

        public PrimitiveTypeCode GetUnderlyingEnumType(string type) => PrimitiveTypeCode.Int32;

        public bool IsSystemType(string type) => type == "System.Type";
    }
}
