// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Generation;

/// <summary>A configuration structure to write.</summary>
/// <param name="Fields">Its fields, <c>name:type,...</c>.</param>
/// <param name="Name">Its name in C#; the file has it, too.</param>
/// <param name="Namespace">Its namespace; that of the tests has <c>.Tests</c> behind it.</param>
/// <param name="Folder">The folder for the structure.</param>
/// <param name="TestFolder">The folder for its tests; null for none.</param>
internal sealed record ConfigStructRequest(string Fields, string Name, string Namespace, string Folder, string? TestFolder);
