// SPDX-License-Identifier: GPL-2.0-or-later
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace LguestPlug.Host.Tests.Plugins;

/// <summary>
/// An assembly with a plugin announcement and nothing else, against any contract: what a plugin built elsewhere looks like
/// to the scanner.
/// </summary>
internal sealed record TinyAssembly
{
    public string Name { get; init; } = "Tiny";
    public string ContractName { get; init; } = "LguestPlug.Abstractions";
    public Version ContractVersion { get; init; } = typeof(DevicePlugin).Assembly.GetName().Version!;
    public string? Device { get; init; } = "tiny";
    public string TypeName { get; init; } = "Tiny.Plugin";
    public int ContractMinor { get; init; } = DeviceContract.Minor;
    public string Summary { get; init; } = "a tiny device";

    /// <summary>Whether the entry class exists; it is an ordinary class that derives from nothing.</summary>
    public bool DefinesType { get; init; }

    public void Write(string path)
    {
        var metadata = new MetadataBuilder();
        metadata.AddModule(0, metadata.GetOrAddString(Name + ".dll"), metadata.GetOrAddGuid(Guid.NewGuid()), default, default);
        var assembly = metadata.AddAssembly(metadata.GetOrAddString(Name), new Version(1, 2, 3, 4), default, default, default, AssemblyHashAlgorithm.None);
        var runtime = metadata.AddAssemblyReference(metadata.GetOrAddString("System.Runtime"), new Version(10, 0, 0, 0), default, default, default, default);
        var contract = metadata.AddAssemblyReference(metadata.GetOrAddString(ContractName), ContractVersion, default, default, default, default);
        metadata.AddTypeDefinition(default, default, metadata.GetOrAddString("<Module>"), default, MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        if (DefinesType)
        {
            var dot = TypeName.LastIndexOf('.');
            var root = metadata.AddTypeReference(runtime, metadata.GetOrAddString("System"), metadata.GetOrAddString("Object"));
            metadata.AddTypeDefinition(
                TypeAttributes.Public, metadata.GetOrAddString(TypeName[..dot]), metadata.GetOrAddString(TypeName[(dot + 1)..]), root,
                MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        }
        if (Device is not null)
            Announce(metadata, assembly, runtime, contract);

        var image = new BlobBuilder();
        new ManagedPEBuilder(PEHeaderBuilder.CreateLibraryHeader(), new MetadataRootBuilder(metadata), new BlobBuilder()).Serialize(image);
        using var file = File.Create(path);
        image.WriteContentTo(file);
    }

    private void Announce(MetadataBuilder metadata, AssemblyDefinitionHandle assembly, AssemblyReferenceHandle runtime, AssemblyReferenceHandle contract)
    {
        var systemType = metadata.AddTypeReference(runtime, metadata.GetOrAddString("System"), metadata.GetOrAddString("Type"));
        var attribute = metadata.AddTypeReference(contract, metadata.GetOrAddString("LguestPlug"), metadata.GetOrAddString("DevicePluginAttribute"));
        var signature = new BlobBuilder();
        new BlobEncoder(signature).MethodSignature(isInstanceMethod: true).Parameters(3, r => r.Void(), p =>
        {
            p.AddParameter().Type().String();
            p.AddParameter().Type().Type(systemType, isValueType: false);
            p.AddParameter().Type().Int32();
        });
        var constructor = metadata.AddMemberReference(attribute, metadata.GetOrAddString(".ctor"), metadata.GetOrAddBlob(signature));
        var value = new BlobBuilder();
        new BlobEncoder(value).CustomAttributeSignature(
            f =>
            {
                f.AddArgument().Scalar().Constant(Device);
                f.AddArgument().Scalar().SystemType(TypeName);
                f.AddArgument().Scalar().Constant(ContractMinor);
            },
            n => n.Count(1).AddArgument(isField: false, t => t.ScalarType().String(), name => name.Name("Summary"), l => l.Scalar().Constant(Summary)));
        metadata.AddCustomAttribute(assembly, constructor, metadata.GetOrAddBlob(value));
    }
}
