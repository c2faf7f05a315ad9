// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>How statistics are told.</summary>
internal enum StatisticsFormat
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>For reading.</summary>
    Table,

    /// <summary>One JSON object in one line.</summary>
    Json,
}
