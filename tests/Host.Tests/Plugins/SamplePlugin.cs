// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LguestPlug;
using LguestPlug.Host.Tests.Plugins;

// This test assembly is a plugin too, so that there is one to find and load.
[assembly: DevicePlugin("sample", typeof(SamplePlugin), Summary = "a device for tests")]

namespace LguestPlug.Host.Tests.Plugins;

public enum SampleMode
{
    Plain,
    WriteBack,
}

public sealed class SampleOptions : IValidatableObject
{
    [PositionalOption]
    [Required]
    [Description("the disk")]
    public string? File { get; set; }

    public bool ReadOnly { get; set; }

    [Range(1, 256)]
    public int QueueSize { get; set; } = 64;

    public byte? Level { get; set; }

    public SampleMode Mode { get; set; }

    public ByteSize Limit { get; set; }

    [RegularExpression("[a-z]+")]
    public string IOName { get; set; } = "x";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (ReadOnly && Mode == SampleMode.WriteBack)
            yield return new ValidationResult("mode=writeback needs a device that can be written");
    }
}

public sealed class SamplePlugin : DevicePlugin<SampleOptions>
{
    public override VirtioDevice Create(SampleOptions options, IDeviceContext context) => throw new DeviceSetupException("only a sample");
}
