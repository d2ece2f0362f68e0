// What can be changed from here. Until the API has routes for it, no alert is raised.
export const editsTable: boolean = true;
export const editsRules: boolean = false;
