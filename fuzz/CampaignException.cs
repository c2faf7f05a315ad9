// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Fuzz;

/// <summary>Why there is no campaign; one line.</summary>
internal sealed class CampaignException(string message) : Exception(message);
