// What can be changed from here.
export const editsTable: boolean = true;
export const editsRules: boolean = true;
