// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LguestPlug;
using LguestPlug.Block;
using Microsoft.Extensions.Logging;

[assembly: DevicePlugin("block", typeof(BlockPlugin), Summary = "a disk, kept in a file or a block device of the host")]

namespace LguestPlug.Block;

/// <summary>Options of the disk.</summary>
public sealed class BlockOptions
{
    /// <summary>The file that holds the disk.</summary>
    [PositionalOption]
    [Required(AllowEmptyStrings = false, ErrorMessage = "expected the path of a file or block device")]
    [Description("the file or block device that holds the disk")]
    public string? File { get; set; }

    /// <summary>Offers the disk read-only and opens the file so.</summary>
    [Description("offer the disk read-only; on by itself when the file cannot be opened for writing")]
    public bool ReadOnly { get; set; }

    /// <summary>Lets others have the file open for writing at the same time, or for reading while this disk may be written.</summary>
    [Description("let other guests and programs use the file at the same time; two that write destroy each other's file systems")]
    public bool Share { get; set; }

    /// <summary>The serial number the guest may ask for; by default the device's name.</summary>
    [StringLength(BlockDevice.IdLength)]
    [RegularExpression("[ -~]*", ErrorMessage = "expected printable ASCII characters")]
    [Description("the disk's serial number, up to 20 characters")]
    public string? Serial { get; set; }
}

/// <summary>Makes disks.</summary>
public sealed partial class BlockPlugin : DevicePlugin<BlockOptions>
{
    /// <inheritdoc/>
    public override VirtioDevice Create(BlockOptions options, IDeviceContext context)
    {
        DiskFile disk = DiskFile.Open(options.File!, options.ReadOnly, options.Share);
        if (disk.IsReadOnly && !options.ReadOnly)
            LogReadOnly(context.Logger, disk.Path);

        return new BlockDevice(disk, options.Serial ?? context.Name, context.Logger);
    }

    [LoggerMessage(10, LogLevel.Warning, "'{Path}' cannot be opened for writing; the disk is read-only")]
    private static partial void LogReadOnly(ILogger logger, string path);
}
